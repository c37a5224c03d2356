"""The vendors' JSON forms that are read. Registration is this tuple, nothing else."""

from __future__ import annotations

from ingest.envelopes.vendor_forms.bintel import BINTEL
from ingest.envelopes.vendor_forms.deposits import DEPOSITS
from ingest.envelopes.vendor_forms.enevo import ENEVO
from ingest.envelopes.vendor_forms.form import VendorForm
from ingest.envelopes.vendor_forms.sidcon import SIDCON
from ingest.envelopes.vendor_forms.smartclean import SMARTCLEAN
from ingest.envelopes.vendor_forms.thingsboard import THINGSBOARD
from ingest.envelopes.vendor_forms.weighings import WEIGHINGS

VENDOR_FORMS: tuple[VendorForm, ...] = (
    ENEVO,
    SIDCON,
    DEPOSITS,
    WEIGHINGS,
    BINTEL,
    SMARTCLEAN,
    THINGSBOARD,
)
