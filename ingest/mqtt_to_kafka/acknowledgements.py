"""Which messages may be acknowledged to MQTT: the oldest ones of this connection, as far as Kafka has them without a gap.

MQTT wants acknowledgements in order of arrival. Packet ids are used again and belong to one connection: what an earlier connection
left unacknowledged is sent again by the broker, and late news about it is ignored here. Pure; no clock, no network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

NOT_ACKNOWLEDGED = 0
"""Stands for the packet id of a QoS 0 message, which has none."""


class AcknowledgementWindow:
    """Messages are known by the numbers that they got on arrival: 0, 1, 2, … over all connections of this process."""

    def __init__(self) -> None:
        self._first = 0
        """Number of the oldest message of this connection that is not acknowledged."""
        self._mids: deque[int] = deque()
        """Packet ids from `_first` on."""
        self._written: set[int] = set()
        """Numbers from `_first` on that Kafka has."""

    def __len__(self) -> int:
        """Messages of this connection that are not acknowledged."""
        return len(self._mids)

    def received(self, mids: Sequence[int]) -> None:
        """Messages arrived on this connection, in this order; 0 for those that need no acknowledgement."""
        self._mids.extend(mids)

    def written(self, numbers: Iterable[int]) -> list[int]:
        """Kafka has these messages, in any order and perhaps of earlier connections. Returns the packet ids to acknowledge now."""
        first, written, mids = self._first, self._written, self._mids
        written.update([number for number in numbers if number >= first])
        ready: list[int] = []
        while first in written:
            written.remove(first)
            first += 1
            mid = mids.popleft()
            if mid != NOT_ACKNOWLEDGED:
                ready.append(mid)
        self._first = first
        return ready

    def connection_lost(self) -> None:
        """Nothing that has arrived until now will be acknowledged any more."""
        self._first += len(self._mids)
        self._mids.clear()
        self._written.clear()
