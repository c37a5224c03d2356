"""Readings for tests of storage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from models.domain.reading import TimeSource
from models.sensor_kinds import SensorKind
from models.sensor_kinds.container_fill import CONTAINER_FILL
from storage.readings import SourceRef, StoredReading

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def stored(
    minute: float,
    *,
    thing_id: str = "c-0001",
    name: str = "fill",
    kind: SensorKind = CONTAINER_FILL,
    offset: int = 0,
    index: int = 0,
    start: datetime = START,
    **quantities: Any,
) -> StoredReading:
    """A reading `minute` minutes after `start`."""
    reading = kind.reading_type(
        thing_id=thing_id,
        datastream_id=f"{thing_id}/{name}",
        observed_at=start + timedelta(minutes=minute),
        time_source=TimeSource.DEVICE,
        **quantities,
    )
    received_at = start + timedelta(minutes=minute, seconds=2)
    return StoredReading(reading, received_at, SourceRef(offset % 24, offset, index), decoder_version=1, registry_version=1)


def full_quantities(kind: SensorKind) -> dict[str, Any]:
    """A value that every quantity of the kind accepts: the middle of its range."""
    found: dict[str, Any] = {}
    for column in kind.columns():
        if column.sql_type == "boolean":
            found[column.name] = True
        elif column.sql_type == "text":
            found[column.name] = "north"
        else:
            low, high = _bounds(kind.reading_type.model_fields[column.name].metadata)
            middle = low + (high - low) / 2
            found[column.name] = round(middle) if column.sql_type == "integer" else middle
    return found


def _bounds(metadata: list[Any]) -> tuple[float, float]:
    low, high = 0.0, 100.0
    for item in metadata:
        low = getattr(item, "ge", getattr(item, "gt", low))
        high = getattr(item, "le", getattr(item, "lt", high))
    return low, high
