"""Who may do what at each server: one row per service, the same table for the local stack and for Compose.

Least privilege as far as it is cheap: a service has an account only at the servers it speaks to, with the rights its arrow needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.settings import KafkaSettings

RAW = KafkaSettings.model_fields["kafka_topic_raw"].default
CHANGED = KafkaSettings.model_fields["kafka_topic_changed"].default
DEVICE_TOPICS = ("stadspuls/v1/#", "v3/#", "application/#", "senml/#", "lwm2m/#", "ngsi-ld/#", "ndw/#", "vendor/#", "sparkplug/#")
"""MQTT topics that devices and network servers publish to."""


@dataclass(frozen=True)
class Mqtt:
    """MQTT topic filters that an account may subscribe to and publish to."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kafka:
    """Kafka topics (as prefixes) that an account may consume and produce; `everything` makes it a super user.

    A consumer group's name starts with its service's name.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    everything: bool = False


@dataclass(frozen=True)
class Access:
    """The accounts of one service. `database_role` is the role that it logs in as."""

    mqtt: Mqtt | None = None
    kafka: Kafka | None = None
    database_role: str | None = None


ACCESS: dict[str, Access] = {
    "mqtt-to-kafka": Access(mqtt=Mqtt(reads=(*DEVICE_TOPICS, "$SYS/broker/#")), kafka=Kafka(writes=(RAW,))),
    "store": Access(kafka=Kafka(reads=(RAW,), writes=(CHANGED,)), database_role="store"),
    "forecast": Access(kafka=Kafka(reads=(CHANGED,)), database_role="forecast"),
    "plan": Access(kafka=Kafka(reads=(CHANGED,)), database_role="plan"),
    # Retention deletes and rollups are refreshed by whoever owns the tables.
    "maintain": Access(database_role="migrator"),
    "api": Access(database_role="api"),
    "canary": Access(mqtt=Mqtt(writes=("stadspuls/v1/canary/readings",))),
    "simulator": Access(mqtt=Mqtt(writes=(*DEVICE_TOPICS, "spBv1.0/#"))),
    # What stands in front of the line: it fetches or translates, and has no right to write what others measure.
    "pull-ndw": Access(mqtt=Mqtt(writes=("ndw/#",)), database_role="api"),
    "sparkplug-host": Access(mqtt=Mqtt(reads=("spBv1.0/#",), writes=("sparkplug/#", "spBv1.0/+/NCMD/+"))),
    "grafana": Access(database_role="grafana"),
    # The commands that a person types: imports, migrations, replays, a look at any topic.
    "operator": Access(mqtt=Mqtt(reads=("#", "$SYS/#"), writes=("#",)), kafka=Kafka(everything=True), database_role="migrator"),
}

DATABASE_ROLES = ("migrator", "store", "forecast", "plan", "api", "grafana")
SUPERUSER = "stadspuls_admin"
"""The database's superuser: makes roles and databases, is used by set-up and by tests only."""
