"""The tables of the first release, except those made from sensor kinds."""

from __future__ import annotations

from storage.migrations.migration import Migration

_STREAM = """
CREATE TABLE topic_incarnation (
    incarnation uuid PRIMARY KEY,
    kafka_topic text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE topic_incarnation IS 'Each life of a Kafka topic: a recreated topic is another one.';
CREATE INDEX topic_incarnation_of_topic ON topic_incarnation (kafka_topic, recorded_at);

CREATE TABLE stream_offset (
    consumer text NOT NULL,
    incarnation uuid NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, incarnation, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE stream_offset IS 'The offset that each consumer reads next, moved by compare-and-set in the transaction of its rows.';

CREATE TABLE dead_letter (
    letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incarnation uuid NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    source_index integer NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    source text NOT NULL,
    mqtt_topic text NOT NULL,
    kafka_key bytea,
    headers jsonb NOT NULL DEFAULT '{}',
    payload bytea,
    payload_length integer NOT NULL,
    content_hash text NOT NULL,
    received_at timestamptz NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 1,
    replayed_at timestamptz,
    outcome text,
    UNIQUE (incarnation, source_partition, source_offset, source_index)
);
COMMENT ON TABLE dead_letter IS 'Messages, and single readings of messages, that could not be stored, with their original bytes.';
COMMENT ON COLUMN dead_letter.source_index IS 'Which reading of the message; -1 is the whole message.';
COMMENT ON COLUMN dead_letter.payload IS 'NULL above the quota of the source, and for personal data: the bytes stay in the raw topic, or nowhere.';
CREATE INDEX dead_letter_by_reason ON dead_letter (reason, first_seen);
CREATE INDEX dead_letter_by_age ON dead_letter (first_seen);

CREATE TABLE dead_letter_replay (
    letter_id bigint NOT NULL REFERENCES dead_letter ON DELETE CASCADE,
    replayed_at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL,
    detail text NOT NULL DEFAULT ''
);
COMMENT ON TABLE dead_letter_replay IS 'What came of each replay of a dead letter.';
CREATE INDEX dead_letter_replay_of_letter ON dead_letter_replay (letter_id);

CREATE TABLE dead_letter_source (
    source text NOT NULL,
    day date NOT NULL,
    letters bigint NOT NULL,
    PRIMARY KEY (source, day)
) WITH (fillfactor = 50);
COMMENT ON TABLE dead_letter_source IS 'Dead letters per source and UTC day, for quotas.';

CREATE TABLE ledger (
    hour timestamptz NOT NULL,
    source text NOT NULL,
    messages_received bigint NOT NULL DEFAULT 0,
    messages_decoded bigint NOT NULL DEFAULT 0,
    messages_without_reading bigint NOT NULL DEFAULT 0,
    messages_dead_lettered bigint NOT NULL DEFAULT 0,
    readings_decoded bigint NOT NULL DEFAULT 0,
    readings_stored bigint NOT NULL DEFAULT 0,
    readings_duplicate bigint NOT NULL DEFAULT 0,
    readings_rejected bigint NOT NULL DEFAULT 0,
    messages_replayed bigint NOT NULL DEFAULT 0,
    readings_replayed bigint NOT NULL DEFAULT 0,
    readings_corrected bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, source)
) WITH (fillfactor = 50);
COMMENT ON TABLE ledger IS 'What became of every message and reading, per hour of reception and source.';
"""

_REGISTRY = """
CREATE TABLE registry_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version integer NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO registry_state (version) VALUES (0);

CREATE TABLE thing (
    thing_id text PRIMARY KEY,
    thing_type text NOT NULL,
    name text NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    district text NOT NULL,
    fraction text,
    capacity_l integer,
    service_duration_s integer,
    simulated boolean NOT NULL,
    properties jsonb NOT NULL
);
CREATE TABLE container_geometry (
    thing_id text NOT NULL REFERENCES thing,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    empty_distance_mm double precision NOT NULL,
    full_distance_mm double precision NOT NULL,
    PRIMARY KEY (thing_id, valid_from)
);
CREATE TABLE sensor (
    sensor_id text PRIMARY KEY,
    device_model text NOT NULL,
    kind text NOT NULL,
    accepts_history_from timestamptz
);
CREATE TABLE assignment (
    sensor_id text NOT NULL REFERENCES sensor,
    channel text NOT NULL,
    thing_id text NOT NULL REFERENCES thing,
    datastream_id text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    PRIMARY KEY (sensor_id, channel, valid_from)
);
CREATE INDEX assignment_of_thing ON assignment (thing_id);
CREATE TABLE depot (
    depot_id text PRIMARY KEY,
    name text NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL
);
CREATE TABLE disposal_site (
    disposal_site_id text PRIMARY KEY,
    name text NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    opens_s integer NOT NULL,
    closes_s integer NOT NULL,
    service_duration_s integer NOT NULL,
    fractions text[] NOT NULL
);
CREATE TABLE truck (
    truck_id text PRIMARY KEY,
    depot_id text NOT NULL REFERENCES depot,
    fractions text[] NOT NULL,
    capacity_l integer NOT NULL,
    max_load_kg integer,
    shift_start_s integer NOT NULL,
    shift_end_s integer NOT NULL,
    cost_per_km double precision NOT NULL,
    cost_per_h double precision NOT NULL
);
CREATE TABLE fixed_collection (
    container_id text NOT NULL REFERENCES thing,
    truck_id text NOT NULL REFERENCES truck,
    weekdays integer[] NOT NULL,
    every_weeks integer NOT NULL,
    week_offset integer NOT NULL,
    tour_position integer NOT NULL,
    PRIMARY KEY (container_id)
);
CREATE TABLE map_feature (
    feature_id text PRIMARY KEY,
    feature_type text NOT NULL,
    geometry_type text NOT NULL,
    coordinates jsonb NOT NULL,
    properties jsonb NOT NULL
);
COMMENT ON TABLE map_feature IS 'Streets, canals and districts: base map and road graph.';
"""

_DECISIONS = """
CREATE TABLE forecast_current (
    container_id text PRIMARY KEY,
    forecaster text NOT NULL,
    forecaster_version text NOT NULL,
    cutoff timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    level_at_cutoff double precision NOT NULL,
    level_observed_at timestamptz NOT NULL,
    level_after_emptying double precision NOT NULL,
    data_grade text NOT NULL,
    basis text NOT NULL,
    quantiles double precision[] NOT NULL,
    horizon_hours integer[] NOT NULL,
    inflow_quantiles double precision[] NOT NULL
) WITH (fillfactor = 60);
COMMENT ON TABLE forecast_current IS 'The newest inflow forecast of each container; inflow_quantiles[q][h] as fraction of capacity.';

CREATE TABLE forecast_kept (
    LIKE forecast_current,
    kept_for text NOT NULL,
    PRIMARY KEY (container_id, cutoff, known_at, forecaster, forecaster_version, kept_for)
);
COMMENT ON TABLE forecast_kept IS 'Forecasts that a decision used, and the nightly ones.';
CREATE INDEX forecast_kept_by_age ON forecast_kept (known_at);

CREATE TABLE emptying (
    container_id text NOT NULL,
    emptied_after timestamptz NOT NULL,
    emptied_before timestamptz NOT NULL,
    level_before double precision NOT NULL,
    level_after double precision NOT NULL,
    PRIMARY KEY (container_id, emptied_before)
);
COMMENT ON TABLE emptying IS 'Collections as seen in the signal of a container.';

CREATE TABLE plan (
    plan_date date NOT NULL,
    district text NOT NULL,
    fraction text NOT NULL,
    revision integer NOT NULL,
    made_at timestamptz NOT NULL,
    seed bigint NOT NULL,
    iterations bigint NOT NULL,
    matrix_source text NOT NULL,
    truck_count integer NOT NULL,
    stop_count integer NOT NULL,
    distance_m bigint NOT NULL,
    duration_s bigint NOT NULL,
    fixed_truck_count integer,
    fixed_stop_count integer,
    fixed_distance_m bigint,
    fixed_duration_s bigint,
    check_failures text[] NOT NULL,
    document jsonb NOT NULL,
    PRIMARY KEY (plan_date, district, fraction, revision)
);
COMMENT ON TABLE plan IS 'Collection plans; document holds routes and decisions, the other columns what boards show.';

CREATE TABLE plan_decision (
    plan_date date NOT NULL,
    district text NOT NULL,
    fraction text NOT NULL,
    revision integer NOT NULL,
    container_id text NOT NULL,
    collected boolean NOT NULL,
    rule text NOT NULL,
    truck_id text,
    level_now double precision,
    level_observed_at timestamptz,
    overflow_probability double precision,
    prize double precision NOT NULL,
    detour_m integer,
    reason text NOT NULL,
    PRIMARY KEY (plan_date, district, fraction, revision, container_id),
    FOREIGN KEY (plan_date, district, fraction, revision) REFERENCES plan ON DELETE CASCADE
);
COMMENT ON TABLE plan_decision IS 'Why each container is on a plan or off it.';
CREATE INDEX plan_decision_of_container ON plan_decision (container_id, plan_date);

CREATE TABLE decision_input (
    content_sha256 text PRIMARY KEY,
    content jsonb NOT NULL,
    last_used_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE decision_input IS 'What decisions were made from, each content once.';

CREATE TABLE plan_input (
    plan_date date NOT NULL,
    district text NOT NULL,
    fraction text NOT NULL,
    revision integer NOT NULL,
    name text NOT NULL,
    content_sha256 text NOT NULL REFERENCES decision_input,
    PRIMARY KEY (plan_date, district, fraction, revision, name),
    FOREIGN KEY (plan_date, district, fraction, revision) REFERENCES plan ON DELETE CASCADE
);
CREATE INDEX plan_input_of_content ON plan_input (content_sha256);

CREATE TABLE plan_request (
    request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_date date NOT NULL,
    district text NOT NULL,
    fraction text NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    answered_at timestamptz,
    revision integer,
    failure text
);
COMMENT ON TABLE plan_request IS 'Plans that somebody asked for; the planner answers.';
CREATE INDEX plan_request_open ON plan_request (asked_at) WHERE answered_at IS NULL;

CREATE TABLE outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz
);
COMMENT ON TABLE outbox IS 'What other systems must receive for certain, written in the transaction that made it.';
CREATE INDEX outbox_unsent ON outbox (outbox_id) WHERE sent_at IS NULL;
"""

MIGRATION = Migration(version=1, name="first_light", sql=_STREAM + _REGISTRY + _DECISIONS)
