"""From a sender's name and unit to the quantity of a kind: SenML's "distance" in "m" is `distance_mm`, a thousand times as much.

Called by `decode` for values of forms that name quantities freely. A name is a quantity's own (`distance_mm`) or the same without its
unit (`distance`), which then must be said. What is not found is counted as an unknown field; a unit that does not fit is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from ingest.envelopes.json_document import schema, shown
from ingest.envelopes.uplink import NamedValue
from models.sensor_kinds.kind import SensorKind


class Conversion(NamedTuple):
    """Into one of our units: value × factor + offset."""

    unit: str
    factor: float = 1.0
    offset: float = 0.0


UNITS: Mapping[str, tuple[Conversion, ...]] = {
    "m": (Conversion("mm", 1000),),
    "cm": (Conversion("mm", 10),),
    "mm": (Conversion("mm"),),
    "/": (Conversion("1"),),
    "%": (Conversion("1", 0.01),),
    "%EL": (Conversion("1", 0.01),),
    "Cel": (Conversion("Cel"),),
    "K": (Conversion("Cel", 1, -273.15),),
    "kg": (Conversion("kg"),),
    "g": (Conversion("kg", 0.001),),
    "V": (Conversion("V"),),
    "mV": (Conversion("V", 0.001),),
    "s": (Conversion("s"),),
    "ms": (Conversion("s", 0.001),),
    "min": (Conversion("s", 60),),
    "count": (Conversion(""),),
    "1/h": (Conversion("1/h"),),
    "1/min": (Conversion("1/h", 60),),
    "1/s": (Conversion("1/h", 3600),),
    "Hz": (Conversion("Hz"),),
    "km/h": (Conversion("km/h"),),
    "m/s": (Conversion("km/h", 3.6), Conversion("mm/s", 1000)),
    "mm/s": (Conversion("mm/s"),),
    "deg": (Conversion("deg"),),
    "rad": (Conversion("deg", 57.29577951308232),),
    "W": (Conversion("kW", 0.001),),
    "kW": (Conversion("kW"),),
    "VA": (Conversion("kVA", 0.001),),
    "kVA": (Conversion("kVA"),),
    "var": (Conversion("kvar", 0.001),),
    "kvar": (Conversion("kvar"),),
    "A": (Conversion("A"),),
}
"""Units of SenML's registries (RFC 8428, RFC 9100) that any of our quantities may come in."""

_ALIASES = {"fill": "reported_fill_ratio", "fill_ratio": "reported_fill_ratio", "filling": "reported_fill_ratio"}
_UNIT_IN_NAME = re.compile(r"_(mm_s|um_m|km_h|per_h|mm|c|kg|v|s|deg|ratio|kva|kwh?|kvar|a|hz|db)$")
_DECIMALS = 9


class Field(NamedTuple):
    name: str
    unit: str
    sql_type: str


@cache
def _fields(kind: SensorKind) -> Mapping[str, tuple[Field, ...]]:
    """By full name and by name without unit."""
    found: dict[str, tuple[Field, ...]] = {}
    for column in kind.columns():
        if column.quantity.derived:
            continue
        field = Field(column.name, column.quantity.unit, column.sql_type)
        aliases = [alias for alias, name in _ALIASES.items() if name == column.name]
        for name in dict.fromkeys((column.name, _UNIT_IN_NAME.sub("", column.name), *aliases)):
            found[name] = (*found.get(name, ()), field)
    return found


def field_of(kind: SensorKind, given: NamedValue) -> tuple[str, Any]:
    """The quantity's name and its value in our unit; "" for a name that the kind does not have. Raises `InvalidMessage` schema."""
    fields = _fields(kind).get(given.name.lower().replace("-", "_").replace(" ", "_"), ())
    if not fields:
        return "", None
    if not given.unit:
        own = next((field for field in fields if given.name == field.name), None)
        if own is None and any(field.unit for field in fields):
            raise schema(f"{shown(given.name)} says no unit; say one, or name it {' or '.join(field.name for field in fields)}")
        field = own or fields[0]
        return field.name, _typed(field, given.value)
    for field in fields:
        for conversion in UNITS.get(given.unit, ()):
            if conversion.unit == field.unit:
                return field.name, _typed(field, _converted(given, conversion))
    wanted = " or ".join(f"{field.name} in {field.unit or 'no unit'}" for field in fields)
    raise schema(f"{shown(given.name)} is in {shown(given.unit)}, which does not become {wanted}")


def _converted(given: NamedValue, conversion: Conversion) -> Any:
    if type(given.value) not in (int, float) or conversion == Conversion(conversion.unit):
        return given.value
    try:
        return round(given.value * conversion.factor + conversion.offset, _DECIMALS)
    except OverflowError:
        raise schema(f"{shown(given.name)} is out of range") from None


def _typed(field: Field, value: Any) -> Any:
    """A whole number for a count, which some forms write as 3.0, and a float for what may be one."""
    if field.sql_type == "integer" and type(value) is float and value.is_integer():
        return int(value)
    return value
