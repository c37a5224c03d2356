"""JSON of vendors' clouds and controllers, one form per vendor: `vendor/<form>/<sensor_id>`.

The sensor is an account or a controller; where it speaks of several containers, the channel says which. Units and senses differ from form
to form, which is what each of the files in `vendor_forms` is about.
"""

from __future__ import annotations

from ingest.envelopes.json_document import sensor_in
from ingest.envelopes.uplink import Address, Envelope, NoReading
from ingest.envelopes.vendor_forms import VENDOR_FORMS
from ingest.envelopes.vendor_forms.form import VendorForm

_PREFIX = "vendor/"


def _envelope(form: VendorForm) -> Envelope:
    prefix = f"{_PREFIX}{form.name}/"

    def read(mqtt_topic: str, payload: bytes) -> Address | NoReading:
        sensor_id = sensor_in(mqtt_topic, prefix)
        report = form.read(payload)
        return Address(sensor_id, report) if report.items else NoReading("nothing that was measured")

    return Envelope(form.name, form.title, prefix, read, device_model=form.name, traps=form.traps)


VENDOR_ENVELOPES: tuple[Envelope, ...] = tuple(_envelope(form) for form in VENDOR_FORMS)
