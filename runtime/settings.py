"""All settings, one class per concern and service, units in the names. Nothing else reads the environment.

A service reads the process environment first, then the files that `stadspuls up` wrote for it into the run directory:
`env/common.env` (hosts and ports) and `env/<service>.env` (its own user and password, mode 0600).
"""

from __future__ import annotations

import os
from datetime import time
from pathlib import Path
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.domain.failures import UserError

ENVIRONMENT_PREFIX = "STADSPULS_"


def run_directory() -> Path:
    """Where the local stack lives: `STADSPULS_RUN_DIR`, else `.stadspuls` below the working directory."""
    return Path(os.environ.get("STADSPULS_RUN_DIR", ".stadspuls")).resolve()


class Settings(BaseSettings):
    """Base of every settings class: prefix `STADSPULS_`, unknown keys ignored (files are shared by classes)."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)


class CitySettings(Settings):
    """The city that days, plans and pages belong to."""

    city_name: str = Field("Almere", description="Name of the city, shown on every page")
    city_timezone: str = Field("Europe/Amsterdam", description="Time zone in which days and plans are counted")
    city_holidays: str = Field(
        "NL", description="Whose public holidays count as Sundays: a country like NL, a part of one like AU-VIC, or none"
    )
    city_clock_file: Path | None = Field(None, description="File that says a simulated city's time; unset for a real city")

    @property
    def zone(self) -> ZoneInfo:
        """The time zone; `ZoneInfoNotFoundError` for a name that is none."""
        return ZoneInfo(self.city_timezone)


class MqttSettings(Settings):
    """How to reach the MQTT broker."""

    mqtt_host: str = Field("127.0.0.1", description="Host of the MQTT broker")
    mqtt_port: int = Field(1883, description="Port of the MQTT broker")
    mqtt_username: str = Field("", description="User at the broker; there is no anonymous access")
    mqtt_password: SecretStr = Field(SecretStr(""), description="Password at the broker")
    mqtt_tls_ca_file: Path | None = Field(None, description="CA certificate; set it to speak TLS")


class KafkaSettings(Settings):
    """How to reach Kafka."""

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Bootstrap servers, comma separated")
    kafka_username: str = Field("", description="SASL user; empty for a cluster without SASL")
    kafka_password: SecretStr = Field(SecretStr(""), description="SASL password")
    kafka_sasl_mechanism: str = Field("SCRAM-SHA-512", description="SASL mechanism")
    kafka_tls_ca_file: Path | None = Field(None, description="CA certificate; set it to speak TLS")
    kafka_topic_raw: str = Field("telemetry.raw", description="Kafka topic of the raw messages")
    kafka_topic_changed: str = Field("things.changed", description="Kafka topic of the hints on changed things")


class DatabaseSettings(Settings):
    """How to reach TimescaleDB or PostgreSQL."""

    database_host: str = Field("127.0.0.1", description="Host of the database")
    database_port: int = Field(5432, description="Port of the database")
    database_name: str = Field("stadspuls", description="Name of the database")
    database_user: str = Field("stadspuls", description="Role of this service in the database")
    database_password: SecretStr = Field(SecretStr(""), description="Password of the role")
    database_tls_ca_file: Path | None = Field(None, description="CA certificate; set it to speak TLS")
    database_connect_timeout_seconds: float = Field(10.0, description="Deadline of a connection attempt")
    database_command_timeout_seconds: float = Field(60.0, description="Deadline of one statement")


class StorageSettings(Settings):
    """How long readings are kept."""

    readings_retention_days: int = Field(
        730, ge=60, le=36_500, description="Days after which raw readings are removed; rollups are kept 10 years"
    )


class MqttToKafkaSettings(Settings):
    """What `mqtt-to-kafka` subscribes to, and its bounds."""

    mqtt_to_kafka_client_id: str = Field(
        "stadspuls-mqtt-to-kafka", description="Name of the session at the MQTT broker: it must stay the same, and be used once"
    )
    mqtt_to_kafka_filters: tuple[str, ...] = Field(
        ("stadspuls/v1/#", "v3/#", "application/#", "senml/#", "lwm2m/#", "ngsi-ld/#", "ndw/#", "vendor/#", "sparkplug/#"),
        description="MQTT topic filters that are forwarded, as a JSON list",
    )
    mqtt_session_expiry_seconds: int = Field(
        7 * 86_400, gt=0, description="How long the MQTT broker keeps what it has for us while we are away"
    )
    mqtt_receive_maximum: int = Field(
        8000, ge=1, le=65_535, description="Messages that the broker may have sent and not seen acknowledged: the back-pressure"
    )
    mqtt_to_kafka_max_held_bytes: int = Field(
        134_217_728, gt=0, description="Bytes held for Kafka above which nothing more is read from MQTT"
    )
    mqtt_to_kafka_gather_milliseconds: float = Field(
        50.0, ge=0, description="Under load, how long messages are gathered before they go to Kafka together"
    )
    mqtt_to_kafka_delivery_timeout_seconds: float = Field(
        30.0, gt=0, description="How long Kafka may leave a batch unanswered before the producer is replaced"
    )
    mqtt_to_kafka_drain_seconds: float = Field(
        20.0, gt=0, description="How long a stop waits for what Kafka has not acknowledged; the rest is sent again by the broker"
    )
    mqtt_to_kafka_private_fields: dict[str, tuple[str, ...]] = Field(
        {
            "ngsi-ld/#": ("address", "RFID", "license_plate"),
            "vendor/sidcon/#": ("UserAddressId", "CardId", "CardNumber", "ChipcardId", "UserId"),
            "vendor/weighings/#": ("CustId",),
            "vendor/deposits/#": ("CardId", "CardNumber", "ChipcardId", "UserId", "UserAddressId"),
        },
        description="Personal fields to remove: JSON object of MQTT topic filter to list of field names, at any depth",
    )


class TopicSettings(Settings):
    """How `stadspuls topics create` makes the Kafka topics."""

    kafka_replication_factor: int = Field(1, ge=1, description="Copies of each partition; 3 on a real cluster")
    kafka_raw_retention_days: int = Field(
        45, ge=1, description="Days that raw messages stay in Kafka; longer than the oldest database backup"
    )
    kafka_changed_retention_hours: int = Field(6, ge=1, description="Hours that hints on changed things stay in Kafka")


class ForecastSettings(Settings):
    """How often `forecast` looks at a container, how far back, and when it fits a new model."""

    forecast_sweep_seconds: float = Field(600, gt=0, description="Seconds between sweeps over all owned containers")
    forecast_coalesce_seconds: float = Field(
        600, ge=0, description="A container is forecast again after this many seconds at the earliest"
    )
    forecast_refresh_seconds: float = Field(
        21_600, gt=0, description="A sweep renews forecasts older than this even without new readings"
    )
    forecast_history_days: float = Field(90, ge=7, le=800, description="Days of readings that a forecast looks at")
    forecast_retry_seconds: float = Field(5, gt=0, description="Seconds to wait when the database is out of reach")
    forecast_nightly_hour: int = Field(
        3, ge=0, le=23, description="Local hour from which every container's forecast of the day is kept"
    )
    forecast_scoring_seconds: float = Field(
        3600, gt=0, description="Seconds between looks at which kept forecasts have come true or not"
    )
    forecast_truth_wait_hours: float = Field(
        6, ge=0, le=48, description="Hours that late readings are waited for before a forecast is scored"
    )
    forecast_refit_days: float = Field(
        28,
        ge=0,
        description="Days after which a new model is fitted, in the three hours from the nightly hour on; 0: never by itself",
    )
    forecast_refit_containers: int = Field(300, ge=1, le=5000, description="Containers that a model learns from at most")
    forecast_refit_history_days: float = Field(180, ge=30, le=800, description="Days of readings that a model learns from")
    forecast_model_stale_days: float = Field(60, gt=0, description="A model whose data end longer ago says so with each forecast")
    forecast_instance: str = Field(
        "0",
        description="Which member of the consumer group this process is: each replica has its own, and is back after a restart "
        "without a rebalance; empty: any",
    )


class StoreSettings(Settings):
    """How `store` takes records from Kafka, and when it stops instead of dead-lettering on."""

    store_instance: str = Field("0", description="Which member of the consumer group this process is; each replica has its own")
    store_max_batch_records: int = Field(2000, ge=1, le=20_000, description="Records of one transaction at most")
    store_max_batch_age_seconds: float = Field(0.2, ge=0, le=60, description="How long a batch waits to become full")
    store_registry_check_seconds: float = Field(3.0, gt=0, description="How often the registry's version is looked at")
    store_unreadable_sensors: int = Field(
        10,
        ge=0,
        description="So many sensors whose earlier messages were readable stop the service when they are not any more; 0: never",
    )
    store_unreadable_share: float = Field(0.2, ge=0, le=1, description="And only if they are this share of the sensors heard")
    store_letters_with_bytes: int = Field(1000, ge=0, description="Dead letters of one source and day that keep their bytes")
    privacy_hash_key: SecretStr = Field(
        SecretStr(""), description="Key of the hash that stands for a payload with personal fields; empty: another one per process"
    )


class PlanSettings(Settings):
    """When `plan` makes plans, how long it searches, and what it weighs. Money is euro."""

    plan_hour: int = Field(4, ge=0, le=23, description="Local hour from which the day's coming plan is made")
    plan_weekdays: str = Field("mon|tue|wed|thu|fri", description="Days on which trucks collect")
    plan_seconds: float = Field(6, gt=0, le=3600, description="Seconds of search per fraction")
    plan_iterations: int = Field(
        0, ge=0, description="Iterations of search per fraction, so that plans repeat; 0: only seconds count"
    )
    plan_workers: int = Field(
        2, ge=1, le=64, description="So many fractions are searched side by side, each in a process of its own"
    )
    plan_seed: int = Field(1, ge=0, description="Seed of the search")
    plan_required_probability: float = Field(
        0.25,
        gt=0,
        le=1,
        description="A container that overflows before the next chance with at least this probability must be collected",
    )
    plan_overflow_cost: float = Field(200, ge=0, description="What one overflowing container costs the city")
    plan_room_cost: float = Field(
        5, ge=0, description="What driving to one container usually costs: emptying it early wastes that times its room"
    )
    plan_level_days: int = Field(
        7, ge=0, le=14, description="The week that is levelled, in days from the planned one; 0: each day stands alone"
    )
    plan_level_share: float = Field(
        0.85,
        gt=0,
        le=1,
        description="A day whose work takes more than this share of its trucks' hours gives some to days before it",
    )
    plan_load_quantile: float = Field(0.75, gt=0, lt=1, description="Trucks are loaded with this quantile of the levels")
    plan_stale_hours: float = Field(36, gt=0, description="A level older than this does not decide: the fixed schedule does")
    plan_unknown_level: float = Field(0.6, ge=0, le=1, description="Level counted on for a container without usable data")
    plan_service_duration_s: int = Field(150, ge=0, description="Seconds at a container whose own are not registered")
    plan_weight_kg_per_l: float = Field(0.1, gt=0, description="Weight of a litre in a container, where trucks have a load limit")
    plan_draft_by: time = Field(time(5, 0), description="Local time by which the day's draft should be there")
    plan_alert_at: time = Field(time(5, 15), description="Local time at which a missing draft is an alert")
    plan_release_by: time = Field(
        time(6, 45), description="Local time until which a planner may release; after it the fixed schedule is handed out"
    )
    plan_language: Literal["en", "nl"] = Field("en", description="Language of the reasons on plans, sheets and phone pages")
    plan_bridge_closed_minutes: float = Field(
        30, gt=0, description="A road closed on a bridge for longer than this is out of service, not an opening for ships"
    )
    plan_roads: str = Field(
        "streets",
        pattern=r"^(streets|straight_line|https?://\S+)$",
        description="Roads of plans: `streets` of the registry, `straight_line` (an estimate), or the address of an OSRM server, like http://127.0.0.1:5000",
    )
    plan_osrm_profile: str = Field("driving", description="Name of the trucks' profile at the OSRM server")
    plan_osrm_places: int = Field(100, ge=2, description="Places that the OSRM server takes per request (its --max-table-size)")
    plan_roads_away: Literal["wait", "streets"] = Field(
        "wait", description="When the OSRM server is away: no plan until it is back, or plans on the registry's streets that say so"
    )
    plan_roads_folder: Path | None = Field(
        None, description="Folder in which matrices of the OSRM server are kept; in memory only when empty"
    )
    plan_poll_seconds: float = Field(5, gt=0, description="How often the service looks for requests and for the day's plan")
    plan_shadow: bool = Field(
        False, description="Shadow mode: plans are made and scored every day and never handed out; the fixed schedule is driven"
    )
    plan_shadow_districts: str = Field(
        "", description="Districts in shadow mode while the others are driven by plan, like Haven|Centrum"
    )
    plan_fallback_data_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="A district with more than this share of containers without usable data goes back to its fixed route",
    )
    plan_fallback_data_back_share: float = Field(
        0.3, ge=0, le=1, description="It is planned again at this share of containers without usable data, or less"
    )
    plan_fallback_overflow_factor: float = Field(
        1.5, ge=1, description="It also goes back when it overflows this many times as much under plans as under its fixed route"
    )
    plan_fallback_overflow_back_factor: float = Field(
        1.1, ge=1, description="It is planned again once it overflows no more than this many times as much"
    )
    plan_fallback_overflow_margin_h: float = Field(
        0.25, ge=0, description="Container-hours of overflow per container and day that both factors leave free"
    )
    plan_fallback_overflow_days: int = Field(7, ge=1, le=28, description="So many last days count for a district's overflow")
    plan_fallback_baseline_days: int = Field(
        7, ge=1, le=56, description="Without so many scored days under the fixed route overflow sends no district back"
    )
    plan_fallback_least_days: int = Field(7, ge=1, le=56, description="Days for which a district stays on its fixed route at least")

    @property
    def shadow_districts(self) -> frozenset[str]:
        """The single districts in shadow mode."""
        return frozenset(name.strip() for name in self.plan_shadow_districts.split("|") if name.strip())


class WhatIfSettings(Settings):
    """What `whatif` counts driving as. Shown beside every figure made from it."""

    whatif_cost_per_km: float = Field(1.6, ge=0, description="Euro per km of a truck")
    whatif_cost_per_h: float = Field(62, ge=0, description="Euro per hour of a truck with its crew")
    whatif_co2_kg_per_km: float = Field(
        1.9, ge=0, description="Kilograms of CO2 per km: 60 l of diesel per 100 km, 3.2 kg per litre"
    )
    whatif_weight_kg_per_l: float = Field(0.1, gt=0, description="Weight of a litre as it lies in a container")


class AccessSettings(Settings):
    """Who may write at the API, and what crews' links are signed with. Both are made at set-up; without them nobody may."""

    api_planner_token: SecretStr = Field(SecretStr(""), description="Token of the planners' role at the API")
    crew_link_key: SecretStr = Field(SecretStr(""), description="Key that signs the links to a truck's page of a day")
    api_public_address: str = Field("", description="Address at which phones reach the API; the API's own when empty")


class MetricsSettings(Settings):
    """Where a service shows its Prometheus metrics."""

    metrics_host: str = Field("127.0.0.1", description="Address that the metrics endpoint binds to")
    metrics_port: int = Field(0, description="Port of the metrics endpoint; 0 shows none")


SomeSettings = TypeVar("SomeSettings", bound=Settings)


def load(settings_type: type[SomeSettings], service: str, run_dir: Path | None = None) -> SomeSettings:
    """Settings of one service: environment, then its files in the run directory, then defaults.

    Raises `UserError` naming each variable that is wrong.
    """
    directory = (run_dir or run_directory()) / "env"
    files = [path for path in (directory / "common.env", directory / f"{service}.env") if path.exists()]
    try:
        return settings_type(_env_file=files or None)
    except ValidationError as error:
        wrong = "; ".join(
            f"{ENVIRONMENT_PREFIX}{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}" for item in error.errors()
        )
        raise UserError(f"settings of {service} are wrong: {wrong}. Mend them in the environment or in {directory}") from error
