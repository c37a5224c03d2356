"""Short words for what the tests of decoders ask again and again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ingest.decode import decode_message
from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.message import RawMessage
from models.domain.reading import Reading
from models.domain.registry import SensorContext
from tests.unit.ingest.samples import context


def contexts(*found: SensorContext) -> Mapping[str, SensorContext]:
    """By sensor id; one container sensor of our own JSON, `s-1`, when none is given."""
    return {item.sensor.sensor_id: item for item in found or (context("s-1"),)}


def only_reading(message: RawMessage, *registered: SensorContext) -> Reading:
    """The one reading that the message must become."""
    decoded = decode_message(message, contexts(*registered))
    assert decoded.rejected == []
    (reading,) = decoded.readings
    return reading


def refusal(message: RawMessage, *registered: SensorContext) -> InvalidMessage:
    """The refusal that the whole message must meet."""
    with pytest.raises(InvalidMessage) as caught:
        decode_message(message, contexts(*registered))
    return caught.value


def assert_refused(
    message: RawMessage, reason: DeadLetterReason, *words: str, at_byte: int | None = None, by: SensorContext | None = None
) -> None:
    """The whole message is refused for this reason, in a sentence that has these words, at this byte (-1: not asked)."""
    refused = refusal(message, *([by] if by else []))
    assert refused.reason is reason, refused
    for word in words:
        assert word in refused.detail
    if at_byte != -1:
        assert refused.at_byte == at_byte
