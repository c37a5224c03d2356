"""Things are shared by the same hash that keys the hints."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner

from processors.forecast.ownership import Ownership, partition_of


def test_a_thing_belongs_to_the_partition_that_the_producer_sends_its_hints_to() -> None:
    partitions = list(range(24))
    for number in range(500):
        thing = f"c-{number:04}"
        assert partition_of(thing, 24) == DefaultPartitioner()(thing.encode(), partitions, partitions)


def test_members_own_disjoint_shares_that_cover_everything() -> None:
    things = [f"c-{number:04}" for number in range(500)]
    members = [Ownership(24), Ownership(24), Ownership(24)]
    for index, member in enumerate(members):
        member.assign(range(index, 24, 3))
    for thing in things:
        assert sum(member.owns(thing) for member in members) == 1
    assert sum(member.leads for member in members) == 1


def test_without_partitions_nothing_is_owned() -> None:
    assert not Ownership(24).owns("c-0001")
