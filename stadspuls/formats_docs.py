"""Renders `docs/formats.md`: every form that is read, how it is chosen, and what is easily read wrong in it, from the code that reads it.

`python -m stadspuls.reference_docs` writes it; a test fails when the file and the code differ.
"""

from __future__ import annotations

from pathlib import Path

from ingest.codecs import CODECS
from ingest.codecs.codec import Codec
from ingest.envelopes import ENVELOPES
from ingest.envelopes.uplink import Envelope

FORMATS = Path(__file__).parent.parent / "docs" / "formats.md"

_INTRODUCTION = """# Formats

Made from the code by `python -m stadspuls.reference_docs`; do not edit by hand.

How a message is read is chosen in three steps. The start of its **MQTT topic** chooses the form. The form says which sensor it is from, and
the **registry's device model** of that sensor (the column `device_model` of `sensors.csv`) chooses how its values are read. The ids that a
network server sends along (`version_ids`) may only confirm what the registry says; where they differ the message is a dead letter. To try
one: `stadspuls explain-payload FILE --topic TOPIC`.

What a sentence under a format warns of has a test: of the format in `tests/unit/ingest`, and of all together with any bytes
in `tests/unit/ingest/test_any_bytes.py` and `tests/contract/test_decoders.py`: readings, or a dead letter with its reason, nothing else.

## Time

The time of a reading comes from inside the payload: the device's, else the network server's, else the gateway's; `time_source` says which.
The time of reception is never one: a redelivery would have another. So a payload without a time is a dead letter `identity`, with a sequence
number or without. A retained message counts only with a time of its own. Local times without a zone are taken from the Dutch vendors that
send no other: of the hour that comes twice in autumn the later one that is not after the reception, and the hour that is missing in spring
is a dead letter `clock`."""

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
    parts = [_INTRODUCTION, _FEEDS, "## Forms by MQTT topic", *map(_envelope, ENVELOPES), _FRAMES, *map(_codec, CODECS)]
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
