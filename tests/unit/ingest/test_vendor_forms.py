"""Vendors' JSON: units, inverted senses, local times, and personal fields, which never come further than the door."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.decode import Decoded, decode_message
from ingest.mqtt_to_kafka.private_fields import PrivateFields, remove_fields
from models.domain.failures import DeadLetterReason as Reason
from models.domain.registry import SensorContext
from runtime.settings import MqttToKafkaSettings
from tests.unit.ingest.asserting import assert_refused
from tests.unit.ingest.format_samples import AT_S, DEPOSITS, ENEVO, SIDCON, WEIGHINGS, as_json
from tests.unit.ingest.samples import context, message

CHANNELS = ("", "11", "12", "42", "43", "C-042", "C-043")
TEN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def by(form: str) -> SensorContext:
    return context("s-1", form, channels=CHANNELS)


def decoded(form: str, document: Any) -> Decoded:
    return decode_message(message(f"vendor/{form}/s-1", as_json(document)), {"s-1": by(form)})


def reading(form: str, document: Any) -> Any:
    (found,) = decoded(form, document).readings
    return found


def refused(form: str, document: Any, reason: Reason, *words: str) -> None:
    assert_refused(message(f"vendor/{form}/s-1", as_json(document)), reason, *words, by=by(form))


def behind_the_door(form: str, document: Any) -> tuple[Any, int]:
    """What goes on into Kafka with the settings that everybody has, and how many fields were removed."""
    private = PrivateFields(MqttToKafkaSettings().mqtt_to_kafka_private_fields)
    left = remove_fields(as_json(document), private.of(f"vendor/{form}/s-1"))
    assert left.payload is not None
    return json.loads(left.payload), left.removed


def test_enevo_has_levels_in_per_cent_by_container_slot() -> None:
    found = decoded("enevo", ENEVO)
    assert [(item.datastream_id, item.reported_fill_ratio) for item in found.readings] == [("c-0001/11", 0.62), ("c-0001/12", 0.05)]  # type: ignore[attr-defined]  # fill readings
    assert found.readings[0].observed_at == TEN


def test_enevo_confidence_is_not_a_level() -> None:
    (first, *_) = ENEVO["fillLevels"]
    refused(
        "enevo",
        {"fillLevels": [{name: value for name, value in first.items() if name != "fillLevel"}]},
        Reason.SCHEMA,
        "no quantity",
    )


def test_enevo_frozen_level_is_no_measurement() -> None:
    first, second = ENEVO["fillLevels"]
    found = decoded("enevo", {"fillLevels": [{**first, "frozen": True}, second]})
    assert (len(found.readings), found.rejected[0].reason) == (1, Reason.RANGE)
    refused("enevo", {"fillLevels": [{**first, "fillLevel": 620}]}, Reason.RANGE, "6.2")


def test_sidcon_has_local_time_and_per_cent() -> None:
    found = reading("sidcon", SIDCON)
    assert (found.observed_at, found.reported_fill_ratio, found.battery_v, found.deposit_count) == (TEN, 0.62, 12.7, None)


def test_sidcon_several_containers_are_told_apart_by_name() -> None:
    found = decoded("sidcon", [SIDCON, {**SIDCON, "ContainerName": "C-043"}])
    assert [item.datastream_id for item in found.readings] == ["c-0001/C-042", "c-0001/C-043"]


@pytest.mark.parametrize("name", ["UserAddressId", "user_address_id", "CardNumber"])
def test_sidcon_personal_fields_are_removed_at_the_door_and_the_reading_is_kept(name: str) -> None:
    personal = {**SIDCON, name: 4711}
    refused("sidcon", personal, Reason.PRIVACY, "personal")
    left, removed = behind_the_door("sidcon", personal)
    assert (left, removed) == (SIDCON, 1)
    assert reading("sidcon", left).reported_fill_ratio == 0.62


def test_deposits_of_one_minute_are_added_up_and_unsuccessful_ones_are_none() -> None:
    found = decoded("deposits", DEPOSITS)
    counted = {item.datastream_id: item.deposit_count for item in found.readings}  # type: ignore[attr-defined]  # fill readings
    assert counted == {"c-0001/42": 2, "c-0001/43": 0}
    assert found.readings[0].observed_at == datetime(2026, 11, 22, 9, 58, tzinfo=UTC)


def test_deposits_in_the_hour_that_does_not_exist_are_refused_one_by_one() -> None:
    found = decoded("deposits", [*DEPOSITS, {"DumpLocationNr": 42, "RegMoment": "29-03-2026 02:30", "Successful": True}])
    assert (len(found.readings), [item.reason for item in found.rejected]) == (2, [Reason.CLOCK])
    refused("deposits", [{**DEPOSITS[0], "Successful": "perhaps"}], Reason.SCHEMA, "Successful")


def test_weighings_are_found_by_the_names_of_columns() -> None:
    found = decoded("weighings", WEIGHINGS)
    assert [(item.datastream_id, item.weight_kg) for item in found.readings] == [("c-0001/C-042", 430.0), ("c-0001/C-043", 105.0)]  # type: ignore[attr-defined]  # fill readings
    assert found.readings[0].observed_at == datetime(2026, 11, 22, 9, 40, 10, tzinfo=UTC)
    turned = {"Fields": WEIGHINGS["Fields"][::-1], "Records": [row[::-1] for row in WEIGHINGS["Records"]]}
    assert decoded("weighings", turned).readings == found.readings


def test_weighings_hide_a_personal_column_from_a_filter_of_keys() -> None:
    fields, records = WEIGHINGS["Fields"], WEIGHINGS["Records"]
    personal = {"Fields": [*fields[:2], "CustId", *fields[2:]], "Records": [[*row[:2], "K-123", *row[2:]] for row in records]}
    refused("weighings", personal, Reason.PRIVACY, "custid")
    refused("weighings", {**personal, "Records": "none"}, Reason.PRIVACY, "custid")
    assert behind_the_door("weighings", personal) == (WEIGHINGS, 1)


def test_a_column_array_with_a_personal_column_and_torn_rows_does_not_pass_the_door() -> None:
    torn = {"Fields": ["Seq", "CustId"], "Records": [[1, "K-123"], [2]]}
    private = PrivateFields(MqttToKafkaSettings().mqtt_to_kafka_private_fields).of("vendor/weighings/s-1")
    assert remove_fields(as_json(torn), private).payload is None


def test_a_weight_of_several_containers_is_of_none_of_them() -> None:
    fields, (row, _) = [*WEIGHINGS["Fields"], "NoOfCont"], WEIGHINGS["Records"]
    refused("weighings", {"Fields": fields, "Records": [[*row, 2]]}, Reason.SCHEMA, "NoOfCont is 2")
    assert len(decoded("weighings", {"Fields": fields, "Records": [[*row, 1]]}).readings) == 1


@pytest.mark.parametrize(
    "document",
    [
        {"Fields": ["Seq", "Seq"], "Records": [[1, 2]]},
        {"Fields": [], "Records": [[]]},
        {"Fields": ["Seq"], "Records": [[1, 2]]},
        {"Fields": ["Seq"], "Records": []},
        {"Fields": ["Seq"], "Records": [[1]]},
    ],
)
def test_weighings_of_another_shape_are_refused(document: Any) -> None:
    refused("weighings", document, Reason.SCHEMA)


def test_bintel_percentage_is_a_fraction() -> None:
    assert reading("bintel", {"fill-percent": 0.62, "time": "2026-11-22T10:00:00Z"}).reported_fill_ratio == 0.62
    refused("bintel", {"fill-percent": 62, "time": "2026-11-22T10:00:00Z"}, Reason.RANGE, "is 62")
    refused("bintel", {"fill-percent": 0.62, "last-emptied-time": "2026-11-22T10:00:00Z"}, Reason.IDENTITY, "no time")


def test_bintel_rate_of_filling_is_not_stored() -> None:
    rate = {"fill-rate": {"rate": 0.015, "reliability": "high"}, "time": "2026-11-22T10:00:00Z"}
    refused("bintel", rate, Reason.SCHEMA, "no quantity")
    assert (
        reading("bintel", {**rate, "fill-percent": 0.62}).measured()
        == reading("bintel", {"fill-percent": 0.62, "time": rate["time"]}).measured()
    )


def test_smartclean_percentage_is_how_empty_it_is() -> None:
    at = "2026-11-22T10:00:00Z"
    assert reading("smartclean", {"v": {"p": 38}, "time": at}).fill_ratio == 0.62
    both = reading("smartclean", {"v": {"p": 38, "d": 300}, "time": at})
    assert (both.reported_fill_ratio, both.distance_mm, both.fill_ratio) == (0.62, 300.0, 1.0)


def test_thingsboard_counts_milliseconds_and_per_cent() -> None:
    found = reading("thingsboard", {"ts": AT_S * 1000, "values": {"batteryLevel": 77, "fullLevel": 91, "distance_mm": 400}})
    assert (found.observed_at, found.battery_ratio, found.reported_fill_ratio, found.distance_mm) == (TEN, 0.77, 0.91, 400)
    refused("thingsboard", {"batteryLevel": 77, "fullLevel": 91}, Reason.IDENTITY, "no time")
