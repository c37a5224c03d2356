"""Every device model that the registry may name: a codec's, or an envelope's whose messages need none. Called by registry imports."""

from __future__ import annotations

from ingest.codecs import CODECS
from ingest.envelopes import ENVELOPES

DEVICE_MODELS: frozenset[str] = frozenset(
    {*(codec.name for codec in CODECS), *(envelope.device_model for envelope in ENVELOPES if envelope.device_model)}
)
