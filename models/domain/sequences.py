"""Readings that come without any time: what tells one from the next, and the moment that each is given once and for all. Pure.

Such a device counts what it sends. Its reading is known by (sensor, channel, run of the counter, number); the moment of its first reception
becomes its `observed_at` and is remembered, so that a redelivery is given the same one. A number that comes again is the same reading
only if its bytes are the same and it can be a redelivery: else the counter has started anew or wrapped, and it is another reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

REDELIVERY_REACH = timedelta(hours=1)
"""Where the device does not name each start of its counter, the same bytes under the same number count as a redelivery within this time of the
first reception, or at any time when the broker itself marks them as delivered again."""
LARGEST_NUMBER = 2**63 - 1
_STEP = timedelta(microseconds=1)


class SequenceMark(NamedTuple):
    """What a reading without a time is known by, all of it out of the payload.

    `session` names the run of the counter ("" if the device names none), `place` is the reading's place among those of one frame, `content`
    a hash of the bytes it was read from, which stays the same when a decoder is mended. `session_is_certain` where the device itself names
    each start of its counter: within such a session a number comes once. A network server's session may outlive a start of the device.
    """

    sensor_id: str
    channel: str
    session: str
    number: int
    place: int
    content: int
    session_is_certain: bool = False

    @property
    def key(self) -> SequenceKey:
        return SequenceKey(self.sensor_id, self.channel, self.session, self.number, self.place)


class SequenceKey(NamedTuple):
    """A mark without its content: under it, readings of several starts of the counter may be known."""

    sensor_id: str
    channel: str
    session: str
    number: int
    place: int


class Source(NamedTuple):
    """The raw record that a reading came in, and which reading of it: its place among all of the record."""

    incarnation: UUID
    partition: int
    offset: int
    reading: int


class Asked(NamedTuple):
    """A reading that needs a moment. `delivered_again` is the broker's own mark."""

    mark: SequenceMark
    source: Source
    received_at: datetime
    delivered_again: bool


class Accepted(NamedTuple):
    """A reading that has its moment. `occurrence` counts how often the counter has come by this number."""

    key: SequenceKey
    occurrence: int
    content: int
    observed_at: datetime
    source: Source


def content_of(found: bytes) -> int:
    """A signed 64-bit hash that is stable across processes and releases."""
    return int.from_bytes(blake2b(found, digest_size=8).digest(), "little", signed=True)


def settle(asked: Sequence[Asked], known: Iterable[Accepted]) -> tuple[dict[Source, Accepted], list[Accepted]]:
    """Which accepted reading each one asked for is, and those accepted only now. `known` holds all readings under the keys asked for, and
    whatever else the same channels have in the time in question, as no two readings of a channel get one moment."""
    by_key: dict[SequenceKey, list[Accepted]] = {}
    taken: set[tuple[str, str, datetime]] = set()
    for item in known:
        by_key.setdefault(item.key, []).append(item)
        taken.add((item.key.sensor_id, item.key.channel, item.observed_at))
    free = _FreeMoments(taken)
    found: dict[Source, Accepted] = {}
    new: list[Accepted] = []
    # Of one message, the lower number was sent first.
    for one in sorted(asked, key=lambda one: (one.source[:3], one.mark.number, one.mark.place, one.source.reading)):
        same_number = by_key.setdefault(one.mark.key, [])
        accepted = _same_reading(one, same_number)
        if accepted is None:
            occurrence = max((item.occurrence for item in same_number), default=-1) + 1
            accepted = Accepted(one.mark.key, occurrence, one.mark.content, free.next(one), one.source)
            same_number.append(accepted)
            new.append(accepted)
        found[one.source] = accepted
    return found, new


def moments_by_record(
    asked: Iterable[Asked], found: Mapping[Source, Accepted]
) -> dict[tuple[int, int], dict[SequenceMark, datetime]]:
    """(partition, offset) → the moments of that record's readings, as decoders take them."""
    moments: dict[tuple[int, int], dict[SequenceMark, datetime]] = {}
    for one in asked:
        record = (one.source.partition, one.source.offset)
        moments.setdefault(record, {})[one.mark] = found[one.source].observed_at
    return moments


def _same_reading(one: Asked, same_number: Sequence[Accepted]) -> Accepted | None:
    for item in same_number:
        if item.source == one.source:
            return item
    possible = [item for item in same_number if item.content == one.mark.content and _may_be_redelivered(one, item)]
    return min(possible, key=lambda item: abs(one.received_at - item.observed_at), default=None)


def _may_be_redelivered(one: Asked, item: Accepted) -> bool:
    return one.mark.session_is_certain or one.delivered_again or abs(one.received_at - item.observed_at) <= REDELIVERY_REACH


class _FreeMoments:
    """Moments that no reading of a channel has yet: messages that MQTT delivered together have one time of reception."""

    def __init__(self, taken: set[tuple[str, str, datetime]]) -> None:
        self._taken = taken
        self._last: dict[tuple[str, str, datetime], datetime] = {}

    def next(self, one: Asked) -> datetime:
        sensor_id, channel = one.mark.sensor_id, one.mark.channel
        start = (sensor_id, channel, one.received_at)
        moment = self._last.get(start, one.received_at)
        while (sensor_id, channel, moment) in self._taken:
            moment += _STEP
        self._taken.add((sensor_id, channel, moment))
        self._last[start] = moment
        return moment
