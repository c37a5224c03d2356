"""Every metric of the project, one sentence each. Base units, `_total` for counters, labels from bounded sets only.

A counter is incremented where its log line is written, so that the two cannot disagree.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# MQTT → Kafka
MQTT_RECEIVED = Counter("stadspuls_mqtt_received_total", "Messages received from MQTT.")
MQTT_ACKNOWLEDGED = Counter("stadspuls_mqtt_acknowledged_total", "Messages acknowledged to MQTT after Kafka had them.")
MQTT_REDELIVERED = Counter("stadspuls_mqtt_redelivered_total", "Messages that the MQTT broker marked as sent before.")
MQTT_TOO_LARGE = Counter("stadspuls_mqtt_too_large_total", "Messages over the payload limit, forwarded as stubs.")
MQTT_FIELDS_REMOVED = Counter("stadspuls_mqtt_fields_removed_total", "Personal fields removed at the door.")
MQTT_IN_FLIGHT = Gauge("stadspuls_mqtt_in_flight", "Messages received from MQTT and not yet acknowledged.")
MQTT_CONNECTS = Counter(
    "stadspuls_mqtt_connects_total",
    "Connections to the MQTT broker, by whether it kept our session.",
    ["session_present"],
)
MQTT_BROKER_DROPPED = Gauge("stadspuls_mqtt_broker_dropped", "Messages that the MQTT broker says it dropped.")
KAFKA_PRODUCER_RESTARTS = Counter(
    "stadspuls_kafka_producer_restarts_total", "Times the producer was replaced and its window sent again."
)

# Every consumer loop
RECORDS_RECEIVED = Counter("stadspuls_records_received_total", "Records fetched from Kafka.", ["consumer"])
RECORDS_HANDLED = Counter("stadspuls_records_handled_total", "Records whose handling is durable.", ["consumer"])
BATCH_RETRIES = Counter("stadspuls_batch_retries_total", "Batches tried again after a transient error.", ["consumer"])
BATCH_SECONDS = Histogram(
    "stadspuls_batch_duration_seconds",
    "Seconds to handle one batch.",
    ["consumer"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LAG_RECORDS = Gauge("stadspuls_lag_records", "Records in Kafka not yet handled.", ["consumer"])
LAG_SECONDS = Gauge("stadspuls_lag_seconds", "Age of the oldest record not yet handled.", ["consumer"])
FENCE_LOST = Counter("stadspuls_fence_lost_total", "Partitions whose offset another member had moved.", ["consumer"])
OFFSET_GAPS = Counter("stadspuls_offset_gaps_total", "Offsets to be read next that the log does not hold.", ["consumer"])

# Store
MESSAGES_DECODED = Counter("stadspuls_messages_decoded_total", "Messages that became at least one reading.")
MESSAGES_WITHOUT_READING = Counter("stadspuls_messages_without_reading_total", "Joins, status and other such messages.")
MESSAGES_DEAD_LETTERED = Counter("stadspuls_messages_dead_lettered_total", "Messages that became dead letters.", ["reason"])
READINGS_DECODED = Counter("stadspuls_readings_decoded_total", "Readings decoded.", ["kind"])
READINGS_STORED = Counter("stadspuls_readings_stored_total", "Readings newly stored.", ["kind"])
READINGS_DUPLICATE = Counter("stadspuls_readings_duplicate_total", "Readings that were stored already.", ["kind"])
READINGS_REJECTED = Counter("stadspuls_readings_rejected_total", "Readings that became dead letters.", ["reason"])
UNKNOWN_FIELDS = Counter("stadspuls_unknown_fields_total", "Fields of payloads that no decoder knows.", ["envelope"])
END_TO_END_SECONDS = Histogram(
    "stadspuls_event_end_to_end_seconds",
    "Seconds from reception at MQTT to the commit in the database.",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600),
)
ACCOUNTING_IMBALANCE = Gauge(
    "stadspuls_accounting_imbalance", "Messages or readings that the ledger cannot account for: must be 0.", ["ledger"]
)

# Processors
FORECASTS_MADE = Counter("stadspuls_forecasts_made_total", "Forecasts made, by the grade of their data.", ["data_grade"])
FORECAST_SECONDS = Histogram(
    "stadspuls_forecast_duration_seconds",
    "Seconds to forecast one container.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
)
FORECASTS_BY_MODEL = Counter(
    "stadspuls_forecasts_by_model_total",
    "Forecasts made, by what made them: the full model, one that lacks a member, a stale one, or the fallback.",
    ["model_grade"],
)
FORECASTS_FAILED = Counter(
    "stadspuls_forecasts_failed_total", "Containers that could not be forecast: they keep their forecast of before."
)
FORECAST_MODEL_REFUSED = Counter(
    "stadspuls_forecast_model_refused_total", "Models that could not be loaded, by reason.", ["reason"]
)
FORECAST_SERVING_MODEL_REFUSED = Gauge(
    "stadspuls_forecast_serving_model_refused", "1 while the model that should serve cannot be loaded, by reason.", ["reason"]
)
FORECAST_MODEL_AGE = Gauge("stadspuls_forecast_model_age_days", "Days since the newest reading that the serving model learnt from.")
FORECAST_REFITS = Counter("stadspuls_forecast_refits_total", "Models fitted, by what became of them.", ["outcome"])
FORECASTS_SCORED = Counter("stadspuls_forecasts_scored_total", "Forecasts at one horizon whose truth has been read.")
FORECAST_COVERAGE = Gauge(
    "stadspuls_forecast_coverage", "Share of truths in the 80 % interval over four weeks, ties counted half.", ["fraction"]
)
FORECAST_PINBALL = Gauge(
    "stadspuls_forecast_pinball",
    "Mean pinball loss over four weeks, of the forecaster and of the baselines.",
    ["fraction", "forecaster"],
)
FORECAST_CASES = Gauge("stadspuls_forecast_cases", "Cases that coverage and pinball loss are of.", ["fraction"])
FORECAST_HORIZON_COVERAGE = Gauge(
    "stadspuls_forecast_horizon_coverage",
    "Share of truths in the 80 % interval over four weeks at one horizon, ties counted half.",
    ["fraction", "horizon_hours"],
)
FORECAST_HORIZON_PINBALL = Gauge(
    "stadspuls_forecast_horizon_pinball",
    "Mean pinball loss over four weeks at one horizon, of the forecaster and of the baselines.",
    ["fraction", "horizon_hours", "forecaster"],
)
FORECAST_HORIZON_CASES = Gauge(
    "stadspuls_forecast_horizon_cases",
    "Cases that coverage and pinball loss at one horizon are of.",
    ["fraction", "horizon_hours"],
)
FORECAST_DISTRICT_COVERAGE = Gauge(
    "stadspuls_forecast_district_coverage",
    "Share of truths in the 80 % interval over four weeks in one district, ties counted half.",
    ["district"],
)
FORECAST_DISTRICT_PINBALL = Gauge(
    "stadspuls_forecast_district_pinball",
    "Mean pinball loss over four weeks in one district, of the forecaster and of the baselines.",
    ["district", "forecaster"],
)
FORECAST_DISTRICT_CASES = Gauge(
    "stadspuls_forecast_district_cases", "Cases that coverage and pinball loss in one district are of.", ["district"]
)
HINTS_COALESCED = Counter("stadspuls_hints_coalesced_total", "Hints that needed no forecast of their own.")
PLANS_MADE = Counter("stadspuls_plans_made_total", "Plans made, by whether the independent check passed.", ["check"])
PLAN_DRAFT_MISSING = Gauge("stadspuls_plan_draft_missing", "1 while a collection day that should have a draft plan has none.")
PLAN_DISTRICTS_FALLEN_BACK = Gauge("stadspuls_plan_districts_fallen_back", "Districts that are back on their fixed routes.")
PLAN_SECONDS = Histogram("stadspuls_plan_duration_seconds", "Seconds to make one plan.", buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 120))

# Upkeep
DATABASE_JOBS_FAILED = Gauge(
    "stadspuls_database_jobs_failed",
    "Jobs of the database server (rollups, columnstore, retention) whose last run failed: must be 0.",
)

# Pages and the canary
HTTP_REQUESTS = Counter("stadspuls_http_requests_total", "HTTP requests, by endpoint and status class.", ["endpoint", "status"])
HTTP_SECONDS = Histogram("stadspuls_http_duration_seconds", "Seconds to answer an HTTP request.", ["endpoint"])
CANARY_SECONDS = Gauge("stadspuls_canary_seconds", "Seconds that the newest canary reading took from MQTT to the API.")
CANARY_SENT = Counter("stadspuls_canary_sent_total", "Canary readings sent.")
CANARY_SEEN = Counter("stadspuls_canary_seen_total", "Canary readings seen at the API.")
