"""NGSI-LD and NGSIv2: WasteContainer and TrafficFlowObserved in every form that brokers send them in."""

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
from tests.unit.ingest.format_samples import NOTIFICATION, TRAFFIC_FLOW_OBSERVED, WASTE_CONTAINER, as_json
from tests.unit.ingest.samples import context, message

BIN, OTHER, ROAD = str(WASTE_CONTAINER["id"]), "urn:ngsi-ld:WasteContainer:almere:43", str(TRAFFIC_FLOW_OBSERVED["id"])
BROKER = context("s-1", "ngsi_ld", channels=(BIN, OTHER))
ROADS = context("s-1", "ngsi_ld", "traffic_flow", channels=(ROAD,))


def decoded(document: Any, by: SensorContext = BROKER) -> Decoded:
    return decode_message(message("ngsi-ld/s-1", as_json(document)), {"s-1": by})


def reading(document: Any, by: SensorContext = BROKER) -> Any:
    (found,) = decoded(document, by).readings
    return found


def refused(document: Any, reason: Reason, *words: str, by: SensorContext = BROKER) -> None:
    assert_refused(message("ngsi-ld/s-1", as_json(document)), reason, *words, by=by)


def test_waste_container_alone_in_a_list_and_in_a_notification() -> None:
    for document in (WASTE_CONTAINER, [WASTE_CONTAINER], NOTIFICATION, NOTIFICATION["body"]):
        found = reading(document)
        assert (found.reported_fill_ratio, found.fill_ratio, found.temperature_c) == (0.62, 0.62, 8.5)
        assert (found.datastream_id, found.time_source) == (f"c-0001/{BIN}", "device")
        assert found.observed_at == datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def test_key_values_and_ngsi_v2_say_the_same() -> None:
    plain = {"id": BIN, "type": "WasteContainer", "fillingLevel": 0.62, "dateObserved": "2026-11-22T10:00:00Z"}
    version_2 = {
        "id": BIN, "type": "WasteContainer", "temperature": {"type": "Number", "value": 8.5, "metadata": {}},
        "fillingLevel": {
            "type": "Number", "value": 0.62, "metadata": {"TimeInstant": {"type": "DateTime", "value": "2026-11-22T10:00:00Z"}},
        },
    }  # fmt: skip
    typed_date = {**plain, "dateObserved": {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-11-22T10:00:00Z"}}}
    whole_iri = {**plain, "type": "https://smartdatamodels.org/dataModel.WasteManagement/WasteContainer"}
    for document in (plain, version_2, typed_date, whole_iri):
        assert (reading(document).reported_fill_ratio, reading(document).observed_at.hour) == (0.62, 10)


def test_a_level_is_0_to_1_and_per_cent_only_where_its_unit_says_so() -> None:
    level = {"type": "Property", "value": 62, "observedAt": "2026-11-22T10:00:00Z"}
    refused({**WASTE_CONTAINER, "fillingLevel": level}, Reason.RANGE, "reported_fill_ratio is 62")
    assert reading({**WASTE_CONTAINER, "fillingLevel": {**level, "unitCode": "P1"}}).reported_fill_ratio == 0.62


def test_the_brokers_own_time_is_network_time() -> None:
    found = reading({"id": BIN, "type": "WasteContainer", "fillingLevel": 0.5, "modifiedAt": "2026-11-22T10:00:00Z"})
    assert found.time_source == "network"
    refused({"id": BIN, "type": "WasteContainer", "fillingLevel": 0.5}, Reason.IDENTITY, "no time")


def test_one_bad_entity_does_not_take_the_others_along() -> None:
    bad = {**WASTE_CONTAINER, "id": OTHER, "fillingLevel": 7}
    found = decoded([WASTE_CONTAINER, bad, {**WASTE_CONTAINER, "id": "urn:nobody"}])
    assert len(found.readings) == 1
    assert {item.reason for item in found.rejected} == {Reason.RANGE, Reason.UNKNOWN_THING}


@pytest.mark.parametrize("name", ["RFID", "license_plate", "address"])
def test_fields_of_the_published_model_that_may_be_personal_are_removed_at_the_door_and_refused_behind_it(name: str) -> None:
    personal = {**WASTE_CONTAINER, name: {"type": "Property", "value": "04:A2"}}
    refused(personal, Reason.PRIVACY, "personal")
    listed = PrivateFields(MqttToKafkaSettings().mqtt_to_kafka_private_fields).of("ngsi-ld/s-1")
    left = remove_fields(as_json(personal), listed)
    assert (left.payload, left.removed) == (json.dumps(WASTE_CONTAINER, separators=(",", ":")).encode(), 1)


def test_intensity_counts_vehicles_in_the_window() -> None:
    found = reading(TRAFFIC_FLOW_OBSERVED, ROADS)
    assert (found.vehicle_count, found.window_s, found.flow_per_h) == (197, 300, 2364.0)
    assert (found.speed_km_h, found.occupancy_ratio) == (52.6, 0.76)
    assert found.observed_at == datetime(2026, 11, 22, 9, 50, tzinfo=UTC)


def test_a_window_may_be_an_interval() -> None:
    document = {key: value for key, value in TRAFFIC_FLOW_OBSERVED.items() if not key.startswith("dateObserved")}
    found = reading({**document, "dateObserved": "2026-11-22T09:50:00Z/2026-11-22T09:55:00Z"}, ROADS)
    assert (found.window_s, found.flow_per_h) == (300, 2364.0)
    alone = reading({**document, "dateObserved": "2026-11-22T09:50:00Z"}, ROADS)
    assert (alone.window_s, alone.flow_per_h, alone.vehicle_count) == (None, None, 197)


def test_what_makes_no_window_or_no_count_is_refused() -> None:
    refused({**TRAFFIC_FLOW_OBSERVED, "dateObservedTo": "2026-11-22T09:50:00Z"}, Reason.RANGE, "lasts 0.0 s", by=ROADS)
    refused({**TRAFFIC_FLOW_OBSERVED, "intensity": 1.5}, Reason.SCHEMA, "no whole number", by=ROADS)
    refused({**TRAFFIC_FLOW_OBSERVED, "intensity": "197"}, Reason.SCHEMA, "must be a number", by=ROADS)


def test_another_type_and_two_types_in_one_message_are_refused() -> None:
    refused({"id": "x", "type": "ParkingSpot"}, Reason.SCHEMA, "ParkingSpot")
    refused([WASTE_CONTAINER, TRAFFIC_FLOW_OBSERVED], Reason.SCHEMA, "one type")
    refused(TRAFFIC_FLOW_OBSERVED, Reason.SCHEMA, "about traffic_flow")


def test_attributes_of_the_published_models_are_known_and_others_counted() -> None:
    assert decoded(WASTE_CONTAINER).unknown_fields == 0
    assert decoded(TRAFFIC_FLOW_OBSERVED, ROADS).unknown_fields == 0
    assert decoded({**WASTE_CONTAINER, "colourOfTheLid": "red"}).unknown_fields == 1
