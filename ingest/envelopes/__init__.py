"""The forms in which messages arrive. Registration is this tuple, nothing else; the MQTT topic's start chooses."""

from __future__ import annotations

from ingest.envelopes.chirpstack import CHIRPSTACK
from ingest.envelopes.own_json import OWN_JSON
from ingest.envelopes.the_things_stack import THE_THINGS_STACK
from ingest.envelopes.uplink import Envelope

ENVELOPES: tuple[Envelope, ...] = (
    OWN_JSON,
    THE_THINGS_STACK,
    CHIRPSTACK,
)

__all__ = ["ENVELOPES", "envelope_of"]


def envelope_of(mqtt_topic: str) -> Envelope | None:
    """The envelope that this topic's messages come in, or None."""
    for envelope in ENVELOPES:
        if mqtt_topic.startswith(envelope.topic_prefix):
            return envelope
    return None
