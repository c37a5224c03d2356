"""The content hash decides between duplicate and conflict: it must be the same in every process and release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from models.domain.reading import Quantity, Reading, TimeSource
from models.sensor_kinds.container_fill import ContainerFill
from storage.readings import content_hash

IDENTITY = {
    "thing_id": "c-0001",
    "datastream_id": "c-0001/fill",
    "observed_at": datetime(2026, 3, 1, tzinfo=UTC),
    "time_source": TimeSource.DEVICE,
}

KNOWN_EMPTY = 6011556731375052545
KNOWN_LEVEL = -3185795383791140693


def test_known_contents_keep_their_hash() -> None:
    assert content_hash(ContainerFill(**IDENTITY)) == KNOWN_EMPTY
    assert content_hash(ContainerFill(**IDENTITY, distance_mm=840, battery_v=3.6, tilted=False)) == KNOWN_LEVEL


def test_only_measured_values_count() -> None:
    first = ContainerFill(**IDENTITY, distance_mm=840, fill_ratio=0.5)
    second = ContainerFill(**{**IDENTITY, "thing_id": "c-2", "time_source": TimeSource.GATEWAY}, distance_mm=840, fill_ratio=0.7)
    assert content_hash(first) == content_hash(second)
    assert content_hash(first) != content_hash(ContainerFill(**IDENTITY, distance_mm=841))
    assert content_hash(ContainerFill(**IDENTITY, battery_v=1)) != content_hash(ContainerFill(**IDENTITY, weight_kg=1))


def test_absent_and_zero_differ() -> None:
    assert content_hash(ContainerFill(**IDENTITY, deposit_count=0)) != content_hash(ContainerFill(**IDENTITY))


def test_a_quantity_that_a_later_release_adds_changes_no_hash() -> None:
    class Before(Reading):
        level_m: Annotated[float | None, Quantity("m")] = None

    class After(Reading):
        added: Annotated[float | None, Quantity("m")] = None
        level_m: Annotated[float | None, Quantity("m")] = None

    assert content_hash(Before(**IDENTITY, level_m=1.5)) == content_hash(After(**IDENTITY, level_m=1.5))
