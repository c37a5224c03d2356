"""Renders `docs/formats.md`: every form that is read, how it is chosen, and what is easily read wrong in it, from the code that reads it.

`python -m stadspuls.reference_docs` writes it; a test fails when the file and the code differ.
"""

from __future__ import annotations

from pathlib import Path

from ingest.codecs import CODECS
from ingest.codecs.codec import Codec
from ingest.envelopes import ENVELOPES
from ingest.envelopes.uplink import Envelope
from ingest.traps import PAYLOAD_TRAPS, TIME_TRAPS

FORMATS = Path(__file__).parent.parent / "docs" / "formats.md"

_INTRODUCTION = """# Formats

Made from the code by `python -m stadspuls.reference_docs`; do not edit by hand.

How a message is read is chosen in three steps. The start of its **MQTT topic** chooses the form. The form says which sensor it is from, and
the **registry's device model** of that sensor (the column `device_model` of `sensors.csv`) chooses how its values are read. The ids that a
network server sends along (`version_ids`) may only confirm what the registry says; where they differ the message is a dead letter. To try
one: `stadspuls explain-payload FILE --topic TOPIC`.

What a sentence in a list on this page warns of has a test in `tests/unit/ingest`. `test_traps.py` there holds page and tests together, takes
the code that minds each sentence out of a copy, and sees that the sentence's test fails. With any bytes, all forms give readings or a dead
letter with its reason, nothing else: `test_any_bytes.py` and `tests/contract/test_decoders.py`."""

_FEEDS = """## What stands in front of the line

* `stadspuls pull-ndw` fetches NDW's files every minute and publishes the registered measuring sites (`sensor_id` is the site's id) and bridges
  (`sensor_id` is the ISRS code) to `ndw/…`, each as NDW wrote it.
* `stadspuls sparkplug-host` follows `spBv1.0/#`, keeps the births of edge nodes, puts names in place of aliases, asks for a rebirth where one is
  missing, and hands messages on to `sparkplug/…`.
* `stadspuls replay FILE --window-seconds 1` makes windows out of recorded samples, such as strain and inclination at 100 Hz.
* Fields listed in `STADSPULS_MQTT_TO_KAFKA_PRIVATE_FIELDS` are removed before anything is written; the forms of Sidcon, deposits and weighings
  are listed from the start."""

_FRAMES = """## Device models with a byte layout

Their bytes come in a LoRaWAN network server's message (The Things Stack, ChirpStack)."""


def render() -> str:
    """The whole page as Markdown."""
    general = [f"## Time\n\n{_traps(TIME_TRAPS)}", f"## Any payload\n\n{_traps(PAYLOAD_TRAPS)}"]
    parts = [_INTRODUCTION, *general, _FEEDS, "## Forms by MQTT topic", *map(_envelope, ENVELOPES), _FRAMES, *map(_codec, CODECS)]
    return "\n\n".join(parts) + "\n"


def _envelope(envelope: Envelope) -> str:
    model = f", device model `{envelope.device_model}`" if envelope.device_model else ", device model by codec"
    return f"### {envelope.title}\n\nTopic `{envelope.topic_prefix}…`{model}.\n\n{_traps(envelope.traps)}"


def _codec(codec: Codec) -> str:
    products = (
        f"; network servers call it {', '.join(f'`{product}`' for product in sorted(codec.products))}" if codec.products else ""
    )
    frame, f_port = codec.example
    return (
        f"### {codec.title}\n\nDevice model `{codec.name}`, kind `{codec.kind}`{products}. Example: `{frame}` on port {f_port}.\n\n"
        f"{_traps(codec.traps)}"
    )


def _traps(traps: tuple[str, ...]) -> str:
    return "\n".join(f"* {trap}" for trap in traps) if traps else "No trap is known."
