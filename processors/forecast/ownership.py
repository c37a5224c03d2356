"""Which things a member of the consumer group owns: those whose hash falls into its assigned partitions.

The hash is that of Kafka's default partitioner, with which the hints are keyed, so that hints and sweep agree without a table.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.partitioner import murmur2


def partition_of(thing_id: str, partition_count: int) -> int:
    """The partition that a record keyed by this thing goes to."""
    return int(murmur2(thing_id.encode()) & 0x7FFFFFFF) % partition_count


class Ownership:
    """The partitions assigned to this member; changed by rebalances, read by hints and sweep."""

    def __init__(self, partition_count: int) -> None:
        self._partition_count = partition_count
        self._assigned: frozenset[int] = frozenset()

    @property
    def assigned(self) -> frozenset[int]:
        return self._assigned

    @property
    def leads(self) -> bool:
        """Whether this member does what one of several is to do: the one with the first partition, which is always somebody's."""
        return 0 in self._assigned

    def assign(self, partitions: Iterable[int]) -> None:
        self._assigned = frozenset(partitions)

    def owns(self, thing_id: str) -> bool:
        return partition_of(thing_id, self._partition_count) in self._assigned
