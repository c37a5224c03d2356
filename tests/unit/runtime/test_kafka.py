"""The Kafka factories state every option that decides over data; nothing is left to the library's defaults."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from runtime import kafka
from runtime.kafka import connection_options, make_admin, make_consumer, make_producer
from runtime.settings import KafkaSettings

SETTINGS = KafkaSettings(kafka_bootstrap="h:1", kafka_username="u", kafka_password="p")
SASL = {
    "bootstrap_servers": "h:1",
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_plain_username": "u",
    "sasl_plain_password": "p",
}


class Recorder:
    """Takes the place of a client class and keeps what it was made with."""

    def __init__(self, **options: Any) -> None:
        self.options = options


@pytest.fixture(autouse=True)
def _recorders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIOKafkaProducer", "AIOKafkaConsumer", "AIOKafkaAdminClient"):
        monkeypatch.setattr(kafka, name, Recorder)


def test_the_producer_waits_for_all_replicas_and_repeats_without_duplicates() -> None:
    options = make_producer(SETTINGS, client_id="me").options
    assert options.items() >= SASL.items()
    assert options["client_id"] == "me"
    assert options["acks"] == "all"
    assert options["enable_idempotence"] is True
    assert options["compression_type"] is None
    assert options["max_batch_size"] == 262_144
    assert options["max_request_size"] == 1_048_576
    assert options["linger_ms"] == 0
    assert options["request_timeout_ms"] == 10_000


def test_the_consumer_commits_nothing_and_jumps_nowhere() -> None:
    options = make_consumer(SETTINGS, group_id="g", group_instance_id="g-1", client_id="me").options
    assert options.items() >= SASL.items()
    assert options["group_id"] == "g"
    assert options["group_instance_id"] == "g-1"
    assert options["enable_auto_commit"] is False
    assert options["auto_offset_reset"] == "none"
    assert options["isolation_level"] == "read_committed"
    assert options["check_crcs"] is True
    assert options["max_partition_fetch_bytes"] >= 1_048_576, "a fetch must take the largest message"
    assert options["max_poll_interval_ms"] > 120_000, "longer than a batch is tried again"


def test_another_offset_reset_is_the_callers_statement() -> None:
    made = make_consumer(SETTINGS, group_id="g", group_instance_id=None, client_id="me", auto_offset_reset="latest")
    assert made.options["auto_offset_reset"] == "latest"


def test_the_admin_client_uses_the_same_login() -> None:
    assert make_admin(SETTINGS, client_id="me").options.items() >= SASL.items()


def test_without_a_user_there_is_no_sasl() -> None:
    assert connection_options(KafkaSettings(kafka_bootstrap="h:1")) == {
        "bootstrap_servers": "h:1",
        "security_protocol": "PLAINTEXT",
    }


def test_a_ca_file_means_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile: f"context of {cafile}")
    options = connection_options(SETTINGS.model_copy(update={"kafka_tls_ca_file": Path("/ca.pem")}))
    assert options["security_protocol"] == "SASL_SSL"
    assert options["ssl_context"] == "context of /ca.pem"
