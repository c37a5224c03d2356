"""From named values of one sensor to a checked `Reading` of its kind.

Called by `decode` for every reading. The reading type is the only source of ranges and types; here it is asked once per reading,
and what it says becomes one sentence with field, value and allowed range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError

from ingest.envelopes.json_document import shown
from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.reading import Reading, TimeSource
from models.domain.registry import SensorContext
from models.sensor_kinds import SENSOR_KINDS
from models.sensor_kinds.kind import SensorKind

ACCEPTED_PAST = timedelta(days=45)
"""As long as raw messages are kept: older readings could not be decoded again."""
ACCEPTED_FUTURE = timedelta(minutes=5)

FIELDS_OF_A_READING = frozenset({"observed_at", "channel", "seq", "boot"})
_BOUND_ERRORS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"})
_TYPE_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}


@dataclass(frozen=True, slots=True)
class KindFields:
    """What a kind's reading type says about its fields, looked up once per process and not once per reading.

    `in_single` and `in_list` are all fields that a reading of our own JSON may have, alone in its message and in a list.
    """

    kind: SensorKind
    measured: frozenset[str]
    derived: frozenset[str]
    text: frozenset[str]
    in_single: frozenset[str]
    in_list: frozenset[str]


def _fields_of(kind: SensorKind) -> KindFields:
    quantities = kind.reading_type.quantities()
    measured = frozenset(name for name, quantity in quantities.items() if not quantity.derived)
    return KindFields(
        kind=kind,
        measured=measured,
        derived=frozenset(name for name, quantity in quantities.items() if quantity.derived),
        text=frozenset(column.name for column in kind.columns() if column.sql_type == "text"),
        in_single=measured | FIELDS_OF_A_READING | {"v", "kind"},
        in_list=measured | FIELDS_OF_A_READING,
    )


KIND_FIELDS: dict[str, KindFields] = {kind.name: _fields_of(kind) for kind in SENSOR_KINDS}


def build_reading(
    fields: KindFields,
    context: SensorContext,
    measured: Mapping[str, Any],
    observed_at: datetime,
    time_source: TimeSource,
    received_at: datetime,
    channel: str = "",
) -> Reading:
    """The reading with its derived values. Raises `InvalidMessage`: clock, unknown_thing, schema or range.

    `measured` holds only names of the kind's measured fields; `observed_at` is aware UTC.
    """
    _check_clock(context, observed_at, received_at)
    assignment = context.assignment_at(observed_at, channel)
    if assignment is None:
        raise InvalidMessage(
            DeadLetterReason.UNKNOWN_THING,
            f"sensor {context.sensor.sensor_id} has no assignment of channel {shown(channel)} at {observed_at.isoformat()}",
        )
    for value in measured.values():
        if value is not None:
            break
    else:
        raise InvalidMessage(DeadLetterReason.SCHEMA, _nothing_measured(fields))
    values: dict[str, Any] = {
        "thing_id": assignment.thing_id,
        "datastream_id": assignment.datastream_id,
        "observed_at": observed_at,
        "time_source": time_source,
        **measured,
    }
    kind = fields.kind
    if kind.derive is not None:
        values.update(kind.derive(measured, context.geometry_at(observed_at, assignment.thing_id)))
    if fields.text:
        _refuse_nul(fields, measured)
    try:
        reading: Reading = kind.reading_type.__pydantic_validator__.validate_python(values, strict=True)
    except ValidationError as error:
        raise _sentence(kind, error) from None
    return reading


def _check_clock(context: SensorContext, observed_at: datetime, received_at: datetime) -> None:
    if observed_at > received_at + ACCEPTED_FUTURE:
        raise InvalidMessage(
            DeadLetterReason.CLOCK,
            f"observed_at {observed_at.isoformat()} lies more than {ACCEPTED_FUTURE.seconds // 60} minutes after the reception"
            f" at {received_at.isoformat()}",
        )
    earliest = received_at - ACCEPTED_PAST
    if observed_at < earliest:
        opened = context.sensor.accepts_history_from
        if opened is None or observed_at < opened:
            raise InvalidMessage(
                DeadLetterReason.CLOCK,
                f"observed_at {observed_at.isoformat()} lies before {(min(opened, earliest) if opened else earliest).isoformat()},"
                " the earliest time that is accepted of this sensor",
            )


def _nothing_measured(fields: KindFields) -> str:
    sentence = f"the reading has no quantity of {fields.kind.name}; it may have {', '.join(sorted(fields.measured))}"
    if fields.derived:
        sentence += f" ({', '.join(sorted(fields.derived))} is derived here and not taken over)"
    return sentence


def _refuse_nul(fields: KindFields, measured: Mapping[str, Any]) -> None:
    for name in fields.text & measured.keys():
        value = measured[name]
        if type(value) is str and "\x00" in value:
            raise InvalidMessage(DeadLetterReason.SCHEMA, f"{name} has a NUL character, which the database cannot hold")


def _sentence(kind: SensorKind, error: ValidationError) -> InvalidMessage:
    """The first thing wrong, and a bound before anything else: derived values fail only with what they are derived from."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else kind.name
    quantity = kind.reading_type.quantities().get(name)
    unit = f" {quantity.unit}" if quantity and quantity.unit not in ("", "1") else ""
    if first["type"] in _BOUND_ERRORS:
        return InvalidMessage(
            DeadLetterReason.RANGE, f"{name} is {shown(first['input'])}{unit}, allowed is {allowed_range(kind, name)}{unit}"
        )
    column = next((column for column in kind.columns() if column.name == name), None)
    if column is None:
        return InvalidMessage(DeadLetterReason.SCHEMA, f"{name} {shown(first['input'])}: {first['msg']}")
    wanted = {"double precision": float, "integer": int, "boolean": bool, "text": str}[column.sql_type]
    return InvalidMessage(DeadLetterReason.SCHEMA, f"{name} must be {_TYPE_WORDS[wanted]}, not {shown(first['input'])}")


def allowed_range(kind: SensorKind, name: str) -> str:
    """What a field may be, in words: "0 to 20000", "more than 0"."""
    low = high = ""
    for bound in kind.reading_type.model_fields[name].metadata:
        if isinstance(bound, Ge):
            low = f"{bound.ge}"
        elif isinstance(bound, Gt):
            low = f"more than {bound.gt}"
        elif isinstance(bound, Le):
            high = f"{bound.le}"
        elif isinstance(bound, Lt):
            high = f"less than {bound.lt}"
    if low and high:
        return f"{low} to {high}"
    return f"{low} or more" if low else f"{high} or less" if high else "a finite number"
