"""The rollups of each kind: hours and the city's days, by datastream, with the same names and columns on both engines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from models.sensor_kinds import SensorKind


@dataclass(frozen=True, slots=True)
class Rollup:
    """One rollup of one kind."""

    kind: SensorKind
    grain: Literal["hourly", "daily"]

    @property
    def name(self) -> str:
        return f"{self.kind.name}_{self.grain}"

    @property
    def width(self) -> timedelta:
        """Nominal width: a day of the city has 23 or 25 hours twice a year."""
        return timedelta(hours=1) if self.grain == "hourly" else timedelta(days=1)


def rollups(kind: SensorKind) -> tuple[Rollup, Rollup]:
    """Every kind has both."""
    return Rollup(kind, "hourly"), Rollup(kind, "daily")


GROUP_COLUMNS = {"bucket": "timestamp with time zone", "datastream_id": "text", "thing_id": "text"}


def rollup_columns(kind: SensorKind) -> dict[str, str]:
    """Column → SQL type."""
    return {**GROUP_COLUMNS, "reading_count": "bigint"} | {name: sql_type for name, (sql_type, _) in _aggregates(kind, "").items()}


def rollup_select(rollup: Rollup, bucket: str, last: str) -> str:
    """The SELECT that defines a rollup on raw readings. `bucket` is the engine's expression for the bucket's start, `last`
    its expression for the newest value, with {column} in it. Types are those of `rollup_columns`."""
    aggregates = "".join(f",\n    {sql} AS {name}" for name, (_, sql) in _aggregates(rollup.kind, last).items())
    return (
        f"SELECT {bucket} AS bucket, datastream_id, thing_id,\n    count(*) AS reading_count{aggregates}\n"
        f"FROM {rollup.kind.name}\nGROUP BY {bucket}, datastream_id, thing_id"
    )


def _aggregates(kind: SensorKind, last: str) -> dict[str, tuple[str, str]]:
    """Column → (SQL type, expression). Numbers have minimum, mean and maximum, counts a sum too, flags the share of true;
    the main quantity also its newest value."""
    found: dict[str, tuple[str, str]] = {}
    for column in kind.columns():
        name = column.name
        if column.sql_type in ("double precision", "integer"):
            found[f"{name}_min"] = (column.sql_type, f"min({name})")
            found[f"{name}_avg"] = ("double precision", f"avg({name})::double precision")
            found[f"{name}_max"] = (column.sql_type, f"max({name})")
        if column.sql_type == "integer":
            found[f"{name}_sum"] = ("bigint", f"sum({name})")
        if column.sql_type == "boolean":
            found[f"{name}_share"] = ("double precision", f"avg({name}::integer)::double precision")
        if name == kind.main_quantity:
            found[f"{name}_last"] = (column.sql_type, last.format(column=name))
    return found
