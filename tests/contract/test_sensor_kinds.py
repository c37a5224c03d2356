"""What every registered sensor kind keeps to: its columns can be stored, explained and published."""

from __future__ import annotations

import re

import pytest
from annotated_types import Ge, Gt, Le, Lt

from models.domain.registry import ContainerGeometry
from models.sensor_kinds import SENSOR_KINDS, SensorKind
from tests.unit.ingest.samples import LONG_AGO, own_values

POSTGRES_INTEGER_MAX = 2**31 - 1
each_kind = pytest.mark.parametrize("kind", SENSOR_KINDS, ids=lambda kind: kind.name)


@each_kind
def test_names_are_plain_and_columns_described(kind: SensorKind) -> None:
    names = [kind.name, kind.thing_type, *(column.name for column in kind.columns())]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) for name in names), names
    assert kind.title
    assert kind.reading_type.__doc__
    assert kind.expected_interval_s > 0
    for column in kind.columns():
        assert column.description, f"{kind.name}.{column.name} has no description"
        assert not column.description.endswith(".")


@each_kind
def test_every_quantity_may_be_absent_and_the_main_one_exists(kind: SensorKind) -> None:
    names = [column.name for column in kind.columns()]
    assert names
    assert kind.main_quantity in names
    for name in names:
        assert kind.reading_type.model_fields[name].default is None


@each_kind
def test_a_field_is_either_common_to_all_readings_or_a_quantity(kind: SensorKind) -> None:
    assert set(kind.reading_type.model_fields) == {*kind.reading_type.IDENTITY_FIELDS, *kind.reading_type.quantities()}


@each_kind
def test_numbers_have_a_lowest_and_a_highest_value_that_the_database_can_hold(kind: SensorKind) -> None:
    for column in kind.columns():
        if column.sql_type not in ("double precision", "integer"):
            continue
        bounds = kind.reading_type.model_fields[column.name].metadata
        lows = [bound.ge if isinstance(bound, Ge) else bound.gt for bound in bounds if isinstance(bound, Ge | Gt)]
        highs = [bound.le if isinstance(bound, Le) else bound.lt for bound in bounds if isinstance(bound, Le | Lt)]
        assert len(lows) == len(highs) == 1, f"{kind.name}.{column.name} needs a lowest and a highest value"
        if column.sql_type == "integer":
            assert -POSTGRES_INTEGER_MAX <= float(str(lows[0])) <= float(str(highs[0])) <= POSTGRES_INTEGER_MAX


@each_kind
def test_units_stand_in_the_names(kind: SensorKind) -> None:
    for column in kind.columns():
        if column.quantity.unit == "1":
            assert column.name.endswith("_ratio"), f"{kind.name}.{column.name} is a ratio"
        elif column.quantity.unit:
            assert "_" in column.name, f"{kind.name}.{column.name} has the unit {column.quantity.unit}, but none in its name"


@each_kind
def test_derivation_gives_derived_quantities_only_and_never_fails(kind: SensorKind) -> None:
    derived = {name for name, quantity in kind.reading_type.quantities().items() if quantity.derived}
    assert bool(derived) == (kind.derive is not None)
    if kind.derive is None:
        return
    geometry = ContainerGeometry(thing_id="x", valid_from=LONG_AGO, empty_distance_mm=2000, full_distance_mm=300)
    for measured in ({}, own_values(kind), dict.fromkeys(own_values(kind)), dict.fromkeys(own_values(kind), "text")):
        for place in (None, geometry):
            assert kind.derive(measured, place).keys() <= derived
