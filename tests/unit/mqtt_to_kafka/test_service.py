"""What the session does when it is connected and when the broker refuses a subscription."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from ingest.envelopes import ENVELOPES
from ingest.mqtt_to_kafka.forwarder import Forwarder, HoldLimits
from ingest.mqtt_to_kafka.private_fields import PrivateFields
from ingest.mqtt_to_kafka.raw_records import RecordMaker
from ingest.mqtt_to_kafka.service import MqttSession
from models.domain.failures import UserError
from runtime import metrics
from runtime.clock import ManualClock
from runtime.settings import MqttSettings, MqttToKafkaSettings


@pytest.fixture
async def session() -> MqttSession:
    forwarder = Forwarder(RecordMaker("epoch", 24, PrivateFields({})), HoldLimits(1, 1), ManualClock(datetime.now(UTC)))
    return MqttSession(MqttSettings(), MqttToKafkaSettings(mqtt_to_kafka_filters=("a/#", "b/#")), forwarder)


def codes(*values: int) -> list[ReasonCode]:
    return [ReasonCode(PacketTypes.SUBACK, identifier=value) for value in values]


async def test_a_refused_subscription_ends_the_service_with_a_sentence(session: MqttSession) -> None:
    session._on_subscribe(session.connection.client, None, 1, codes(1, 1, 0), None)
    with pytest.raises(UserError, match="subscription to b/#"):
        session._on_subscribe(session.connection.client, None, 1, codes(1, 0x87, 0), None)


async def test_a_broker_that_hides_its_counters_is_served_all_the_same(session: MqttSession) -> None:
    session._on_subscribe(session.connection.client, None, 1, codes(1, 1, 0x87), None)


async def test_connections_are_counted_by_whether_the_session_was_kept(session: MqttSession) -> None:
    counter = metrics.MQTT_CONNECTS.labels("true")
    before = counter._value.get()
    session._on_connected(True, None)
    assert counter._value.get() == before + 1


def test_the_session_is_durable_by_default() -> None:
    settings = MqttToKafkaSettings()
    assert settings.mqtt_session_expiry_seconds == 7 * 86_400
    assert settings.mqtt_receive_maximum >= 5000
    assert settings.mqtt_to_kafka_client_id == "stadspuls-mqtt-to-kafka"
    assert settings.mqtt_to_kafka_filters[:3] == ("stadspuls/v1/#", "v3/#", "application/#")
    read = {envelope.topic_prefix.partition("/")[0] for envelope in ENVELOPES}
    assert {found.partition("/")[0] for found in settings.mqtt_to_kafka_filters} == read
