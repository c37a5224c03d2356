"""The forms in which messages arrive. Registration is this tuple, nothing else; the MQTT topic's start chooses."""

from __future__ import annotations

from ingest.envelopes.chirpstack import CHIRPSTACK
from ingest.envelopes.lwm2m import LWM2M
from ingest.envelopes.ndw import NDW_BRIDGES, NDW_TRAFFIC
from ingest.envelopes.ngsi_ld import NGSI_LD
from ingest.envelopes.own_json import OWN_JSON
from ingest.envelopes.senml import SENML
from ingest.envelopes.sparkplug_b import SPARKPLUG_B
from ingest.envelopes.the_things_stack import THE_THINGS_STACK
from ingest.envelopes.uplink import Envelope
from ingest.envelopes.vendor_json import VENDOR_ENVELOPES

ENVELOPES: tuple[Envelope, ...] = (
    OWN_JSON,
    THE_THINGS_STACK,
    CHIRPSTACK,
    SENML,
    LWM2M,
    NGSI_LD,
    NDW_TRAFFIC,
    NDW_BRIDGES,
    SPARKPLUG_B,
    *VENDOR_ENVELOPES,
)

__all__ = ["ENVELOPES", "envelope_of", "envelope_of_model"]


def envelope_of(mqtt_topic: str) -> Envelope | None:
    """The envelope that this topic's messages come in, or None."""
    for envelope in ENVELOPES:
        if mqtt_topic.startswith(envelope.topic_prefix):
            return envelope
    return None


def envelope_of_model(device_model: str) -> Envelope | None:
    """The envelope whose sensors the registry knows as this device model, or None."""
    return next((envelope for envelope in ENVELOPES if envelope.device_model == device_model), None) if device_model else None
