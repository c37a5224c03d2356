"""What makes a kind of sensor. A new kind is one file beside this one and one line in `SENSOR_KINDS`; table, own JSON
payload, open-data columns, docs and contract tests come from its reading type."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.domain.reading import Quantity, Reading
from models.domain.registry import ContainerGeometry

Derivation = Callable[[Mapping[str, Any], ContainerGeometry | None], Mapping[str, Any]]
"""From a reading's measured values, which are not checked yet, and the geometry valid then to its derived values. Pure, and
never raises: what it cannot derive from, it leaves out."""

_SQL_TYPES: dict[type, str] = {float: "double precision", int: "integer", bool: "boolean", str: "text"}


@dataclass(frozen=True, slots=True)
class Column:
    """A quantity as a nullable column of the kind's hypertable."""

    name: str
    sql_type: str
    quantity: Quantity
    description: str


@dataclass(frozen=True, slots=True)
class SensorKind:
    """`name` is the hypertable's name too; `thing_type` the kind of thing that carries such sensors;
    `main_quantity` the column that a map or list shows; `expected_interval_s` how often a healthy sensor reports;
    `derive` gives the values of derived quantities, for kinds that have any."""

    name: str
    title: str
    thing_type: str
    reading_type: type[Reading]
    main_quantity: str
    expected_interval_s: int
    derive: Derivation | None = None

    def columns(self) -> tuple[Column, ...]:
        """The kind's own columns, in order of definition, read from the reading type."""
        hints = typing.get_type_hints(self.reading_type, include_extras=False)
        return tuple(
            Column(
                name=name,
                sql_type=_SQL_TYPES[_plain_type(hints[name])],
                quantity=quantity,
                description=self.reading_type.model_fields[name].description or "",
            )
            for name, quantity in self.reading_type.quantities().items()
        )


def _plain_type(hint: object) -> type:
    """`float | None` → `float`."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    if not isinstance(hint, type) or hint not in _SQL_TYPES:
        raise TypeError(f"a quantity must be float, int, bool or str, optionally None; got {hint!r}")
    return hint
