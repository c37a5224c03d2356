"""How the columns of a recorded file become quantities of a kind: `reported_fill_ratio=latestFullness/10`, and which rows count:
`reason!=ALERT`. Both are written as text on the command line and checked against the file's header before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from models.domain.failures import UserError
from models.sensor_kinds.kind import SensorKind

_ARITHMETIC = re.compile(
    r"\s*(?:(?P<scale>[*/])\s*(?P<factor>\d+(?:\.\d+)?))?\s*(?:(?P<sign>[+-])\s*(?P<offset>\d+(?:\.\d+)?))?\s*"
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DECIMALS = 9
_Comparable = TypeVar("_Comparable", float, str)
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")

_COMPARISONS = ("!=", "<=", ">=", "=", "<", ">")


@dataclass(frozen=True, slots=True)
class QuantityColumn:
    """One quantity: column × factor + offset; a constant where `column` is ""."""

    quantity: str
    sql_type: str
    column: str
    factor: float
    offset: float

    def value(self, row: Mapping[str, str]) -> float | int | bool | None:
        """The quantity in a row; None for an empty cell. Raises ValueError for what is not of the quantity's type."""
        if not self.column:
            return self._typed(self.offset)
        text = (row[self.column] or "").strip()
        if not text:
            return None
        if self.sql_type == "boolean":
            return _truth(text)
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"{self.column} is {text!r}, not a number") from None
        return self._typed(round(number * self.factor + self.offset, _DECIMALS))

    def _typed(self, number: float) -> float | int:
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError(f"{self.column or self.quantity} is not a finite number")
        if self.sql_type != "integer":
            return number
        if number != int(number):
            raise ValueError(f"{self.quantity} is a whole number, {number} is none")
        return int(number)


@dataclass(frozen=True, slots=True)
class Condition:
    """Which rows count: a column compared with a text, or with a number where both are."""

    column: str
    comparison: str
    text: str

    def holds(self, row: Mapping[str, str]) -> bool:
        found = (row[self.column] or "").strip()
        try:
            return _compare(float(found), self.comparison, float(self.text))
        except ValueError:
            return _compare(found, self.comparison, self.text)


def parse_quantity(text: str, kind: SensorKind, columns: Sequence[str]) -> QuantityColumn:
    """`QUANTITY=COLUMN`, then optionally `*` or `/` a number, then `+` or `-` a number; or `QUANTITY=NUMBER`. Raises `UserError`."""
    quantity, found, expression = text.partition("=")
    quantity, expression = quantity.strip(), expression.strip()
    if not found or not expression:
        raise UserError(f"--map is QUANTITY=COLUMN, for example reported_fill_ratio=level/10, not {text!r}")
    types = {column.name: column.sql_type for column in kind.columns() if not column.quantity.derived}
    if quantity not in types:
        raise UserError(f"{kind.name} has no quantity {quantity!r} that a sensor measures; it has {', '.join(types)}")
    column = max((name for name in columns if name and expression.startswith(name)), key=len, default="")
    rest = _ARITHMETIC.fullmatch(expression[len(column) :]) if column else None
    if column and rest:
        factor = float(rest["factor"]) if rest["factor"] else 1.0
        offset = float(f"{rest['sign']}{rest['offset']}") if rest["offset"] else 0.0
        if rest["scale"] == "/":
            if factor == 0:
                raise UserError(f"--map {text} divides by 0")
            factor = 1 / factor
        return QuantityColumn(quantity, types[quantity], column, factor, offset)
    if _NUMBER.fullmatch(expression):
        return QuantityColumn(quantity, types[quantity], "", 1.0, float(expression))
    raise UserError(f"--map {text}: the file has no column {expression!r}; it has {', '.join(columns)}")


def parse_condition(text: str, columns: Sequence[str]) -> Condition:
    """`COLUMN` compared by =, !=, <, <=, > or >= with a value. Raises `UserError`."""
    for comparison in _COMPARISONS:
        column, found, value = text.partition(comparison)
        if found and column.strip() in columns:
            return Condition(column.strip(), comparison, value.strip())
    raise UserError(
        f"--where {text!r} is not COLUMN=VALUE (or !=, <, <=, >, >=) with a column of the file; it has {', '.join(columns)}"
    )


def _compare(found: _Comparable, comparison: str, wanted: _Comparable) -> bool:
    if comparison in ("=", "!="):
        return (found == wanted) == (comparison == "=")
    if comparison in ("<", "<="):
        return found < wanted or (comparison == "<=" and found == wanted)
    return wanted < found or (comparison == ">=" and found == wanted)


def _truth(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"{text!r} is neither true nor false")
