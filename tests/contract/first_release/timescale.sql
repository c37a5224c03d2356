-- Recorded from `stadspuls migrate` of release 0.1.0, after its first migration; never edited.
CREATE TABLE IF NOT EXISTS schema_version (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schema_setting (
    name text PRIMARY KEY,
    value text NOT NULL
);

INSERT INTO schema_version (version, name) VALUES (1, 'first_light');
INSERT INTO schema_setting (name, value) VALUES ('engine', 'timescale') ON CONFLICT DO NOTHING;
INSERT INTO schema_setting (name, value) VALUES ('timezone', 'Europe/Amsterdam') ON CONFLICT DO NOTHING;
CREATE TABLE container_fill (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    distance_mm double precision,
    reported_fill_ratio double precision,
    deposit_count integer,
    weight_kg double precision,
    temperature_c double precision,
    tilted boolean,
    battery_v double precision,
    battery_ratio double precision,
    fill_ratio double precision,
    content_hash bigint NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    source_index integer NOT NULL,
    decoder_version integer NOT NULL,
    registry_version integer NOT NULL,
    PRIMARY KEY (datastream_id, observed_at)
);
CREATE TABLE container_fill_latest (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    distance_mm double precision,
    reported_fill_ratio double precision,
    deposit_count integer,
    weight_kg double precision,
    temperature_c double precision,
    tilted boolean,
    battery_v double precision,
    battery_ratio double precision,
    fill_ratio double precision,
    PRIMARY KEY (datastream_id)
) WITH (fillfactor = 50);
CREATE INDEX container_fill_latest_thing ON container_fill_latest (thing_id);
SELECT create_hypertable('container_fill'::regclass, by_range('observed_at', interval '604800 seconds'::interval), create_default_indexes => false);
ALTER TABLE container_fill SET (timescaledb.enable_columnstore = true, timescaledb.segmentby = 'datastream_id', timescaledb.orderby = 'observed_at');
COMMENT ON TABLE container_fill IS 'Fill level of waste containers';
COMMENT ON COLUMN container_fill.distance_mm IS 'Distance from the sensor down to the waste [mm]';
COMMENT ON COLUMN container_fill.reported_fill_ratio IS 'Level as the device itself states it, 0 to 1 [1]';
COMMENT ON COLUMN container_fill.deposit_count IS 'Deposits since the previous report';
COMMENT ON COLUMN container_fill.weight_kg IS 'Net weight of the content [kg]';
COMMENT ON COLUMN container_fill.temperature_c IS 'Temperature inside the container [Cel]';
COMMENT ON COLUMN container_fill.tilted IS 'The sensor is out of its position';
COMMENT ON COLUMN container_fill.battery_v IS 'Battery voltage [V]';
COMMENT ON COLUMN container_fill.battery_ratio IS 'Battery charge, 0 to 1 [1]';
COMMENT ON COLUMN container_fill.fill_ratio IS 'How full the container is, 0 to 1, from distance and geometry [1], derived';
CREATE MATERIALIZED VIEW container_fill_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 hour', observed_at) AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(distance_mm) AS distance_mm_min,
    avg(distance_mm)::double precision AS distance_mm_avg,
    max(distance_mm) AS distance_mm_max,
    min(reported_fill_ratio) AS reported_fill_ratio_min,
    avg(reported_fill_ratio)::double precision AS reported_fill_ratio_avg,
    max(reported_fill_ratio) AS reported_fill_ratio_max,
    min(deposit_count) AS deposit_count_min,
    avg(deposit_count)::double precision AS deposit_count_avg,
    max(deposit_count) AS deposit_count_max,
    sum(deposit_count) AS deposit_count_sum,
    min(weight_kg) AS weight_kg_min,
    avg(weight_kg)::double precision AS weight_kg_avg,
    max(weight_kg) AS weight_kg_max,
    min(temperature_c) AS temperature_c_min,
    avg(temperature_c)::double precision AS temperature_c_avg,
    max(temperature_c) AS temperature_c_max,
    avg(tilted::integer)::double precision AS tilted_share,
    min(battery_v) AS battery_v_min,
    avg(battery_v)::double precision AS battery_v_avg,
    max(battery_v) AS battery_v_max,
    min(battery_ratio) AS battery_ratio_min,
    avg(battery_ratio)::double precision AS battery_ratio_avg,
    max(battery_ratio) AS battery_ratio_max,
    min(fill_ratio) AS fill_ratio_min,
    avg(fill_ratio)::double precision AS fill_ratio_avg,
    max(fill_ratio) AS fill_ratio_max,
    last(fill_ratio, observed_at) FILTER (WHERE fill_ratio IS NOT NULL) AS fill_ratio_last
FROM container_fill
GROUP BY time_bucket('1 hour', observed_at), datastream_id, thing_id
WITH NO DATA;
CREATE MATERIALIZED VIEW container_fill_daily WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(distance_mm) AS distance_mm_min,
    avg(distance_mm)::double precision AS distance_mm_avg,
    max(distance_mm) AS distance_mm_max,
    min(reported_fill_ratio) AS reported_fill_ratio_min,
    avg(reported_fill_ratio)::double precision AS reported_fill_ratio_avg,
    max(reported_fill_ratio) AS reported_fill_ratio_max,
    min(deposit_count) AS deposit_count_min,
    avg(deposit_count)::double precision AS deposit_count_avg,
    max(deposit_count) AS deposit_count_max,
    sum(deposit_count) AS deposit_count_sum,
    min(weight_kg) AS weight_kg_min,
    avg(weight_kg)::double precision AS weight_kg_avg,
    max(weight_kg) AS weight_kg_max,
    min(temperature_c) AS temperature_c_min,
    avg(temperature_c)::double precision AS temperature_c_avg,
    max(temperature_c) AS temperature_c_max,
    avg(tilted::integer)::double precision AS tilted_share,
    min(battery_v) AS battery_v_min,
    avg(battery_v)::double precision AS battery_v_avg,
    max(battery_v) AS battery_v_max,
    min(battery_ratio) AS battery_ratio_min,
    avg(battery_ratio)::double precision AS battery_ratio_avg,
    max(battery_ratio) AS battery_ratio_max,
    min(fill_ratio) AS fill_ratio_min,
    avg(fill_ratio)::double precision AS fill_ratio_avg,
    max(fill_ratio) AS fill_ratio_max,
    last(fill_ratio, observed_at) FILTER (WHERE fill_ratio IS NOT NULL) AS fill_ratio_last
FROM container_fill
GROUP BY time_bucket('1 day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id
WITH NO DATA;
CREATE TABLE traffic_flow (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    window_s integer,
    vehicle_count integer,
    flow_per_h double precision,
    speed_km_h double precision,
    occupancy_ratio double precision,
    content_hash bigint NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    source_index integer NOT NULL,
    decoder_version integer NOT NULL,
    registry_version integer NOT NULL,
    PRIMARY KEY (datastream_id, observed_at)
);
CREATE TABLE traffic_flow_latest (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    window_s integer,
    vehicle_count integer,
    flow_per_h double precision,
    speed_km_h double precision,
    occupancy_ratio double precision,
    PRIMARY KEY (datastream_id)
) WITH (fillfactor = 50);
CREATE INDEX traffic_flow_latest_thing ON traffic_flow_latest (thing_id);
SELECT create_hypertable('traffic_flow'::regclass, by_range('observed_at', interval '604800 seconds'::interval), create_default_indexes => false);
ALTER TABLE traffic_flow SET (timescaledb.enable_columnstore = true, timescaledb.segmentby = 'datastream_id', timescaledb.orderby = 'observed_at');
COMMENT ON TABLE traffic_flow IS 'Road traffic';
COMMENT ON COLUMN traffic_flow.window_s IS 'Length of the counted window [s]';
COMMENT ON COLUMN traffic_flow.vehicle_count IS 'Vehicles counted in the window';
COMMENT ON COLUMN traffic_flow.flow_per_h IS 'Flow scaled to vehicles per hour [1/h]';
COMMENT ON COLUMN traffic_flow.speed_km_h IS 'Mean speed [km/h]';
COMMENT ON COLUMN traffic_flow.occupancy_ratio IS 'Share of time that the detector was covered, 0 to 1 [1]';
CREATE MATERIALIZED VIEW traffic_flow_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 hour', observed_at) AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(window_s) AS window_s_min,
    avg(window_s)::double precision AS window_s_avg,
    max(window_s) AS window_s_max,
    sum(window_s) AS window_s_sum,
    min(vehicle_count) AS vehicle_count_min,
    avg(vehicle_count)::double precision AS vehicle_count_avg,
    max(vehicle_count) AS vehicle_count_max,
    sum(vehicle_count) AS vehicle_count_sum,
    min(flow_per_h) AS flow_per_h_min,
    avg(flow_per_h)::double precision AS flow_per_h_avg,
    max(flow_per_h) AS flow_per_h_max,
    last(flow_per_h, observed_at) FILTER (WHERE flow_per_h IS NOT NULL) AS flow_per_h_last,
    min(speed_km_h) AS speed_km_h_min,
    avg(speed_km_h)::double precision AS speed_km_h_avg,
    max(speed_km_h) AS speed_km_h_max,
    min(occupancy_ratio) AS occupancy_ratio_min,
    avg(occupancy_ratio)::double precision AS occupancy_ratio_avg,
    max(occupancy_ratio) AS occupancy_ratio_max
FROM traffic_flow
GROUP BY time_bucket('1 hour', observed_at), datastream_id, thing_id
WITH NO DATA;
CREATE MATERIALIZED VIEW traffic_flow_daily WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(window_s) AS window_s_min,
    avg(window_s)::double precision AS window_s_avg,
    max(window_s) AS window_s_max,
    sum(window_s) AS window_s_sum,
    min(vehicle_count) AS vehicle_count_min,
    avg(vehicle_count)::double precision AS vehicle_count_avg,
    max(vehicle_count) AS vehicle_count_max,
    sum(vehicle_count) AS vehicle_count_sum,
    min(flow_per_h) AS flow_per_h_min,
    avg(flow_per_h)::double precision AS flow_per_h_avg,
    max(flow_per_h) AS flow_per_h_max,
    last(flow_per_h, observed_at) FILTER (WHERE flow_per_h IS NOT NULL) AS flow_per_h_last,
    min(speed_km_h) AS speed_km_h_min,
    avg(speed_km_h)::double precision AS speed_km_h_avg,
    max(speed_km_h) AS speed_km_h_max,
    min(occupancy_ratio) AS occupancy_ratio_min,
    avg(occupancy_ratio)::double precision AS occupancy_ratio_avg,
    max(occupancy_ratio) AS occupancy_ratio_max
FROM traffic_flow
GROUP BY time_bucket('1 day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id
WITH NO DATA;
CREATE TABLE bridge_state (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    road_closed boolean,
    inclination_deg double precision,
    strain_um_m double precision,
    displacement_mm double precision,
    vibration_rms_mm_s double precision,
    temperature_c double precision,
    content_hash bigint NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    source_index integer NOT NULL,
    decoder_version integer NOT NULL,
    registry_version integer NOT NULL,
    PRIMARY KEY (datastream_id, observed_at)
);
CREATE TABLE bridge_state_latest (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    road_closed boolean,
    inclination_deg double precision,
    strain_um_m double precision,
    displacement_mm double precision,
    vibration_rms_mm_s double precision,
    temperature_c double precision,
    PRIMARY KEY (datastream_id)
) WITH (fillfactor = 50);
CREATE INDEX bridge_state_latest_thing ON bridge_state_latest (thing_id);
SELECT create_hypertable('bridge_state'::regclass, by_range('observed_at', interval '604800 seconds'::interval), create_default_indexes => false);
ALTER TABLE bridge_state SET (timescaledb.enable_columnstore = true, timescaledb.segmentby = 'datastream_id', timescaledb.orderby = 'observed_at');
COMMENT ON TABLE bridge_state IS 'State of bridges';
COMMENT ON COLUMN bridge_state.road_closed IS 'The road over the bridge is closed, as when ships pass';
COMMENT ON COLUMN bridge_state.inclination_deg IS 'Inclination against the position at rest [deg]';
COMMENT ON COLUMN bridge_state.strain_um_m IS 'Strain [um/m]';
COMMENT ON COLUMN bridge_state.displacement_mm IS 'Displacement of a joint [mm]';
COMMENT ON COLUMN bridge_state.vibration_rms_mm_s IS 'Vibration velocity, root mean square [mm/s]';
COMMENT ON COLUMN bridge_state.temperature_c IS 'Temperature of the structure [Cel]';
CREATE MATERIALIZED VIEW bridge_state_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 hour', observed_at) AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    avg(road_closed::integer)::double precision AS road_closed_share,
    last(road_closed, observed_at) FILTER (WHERE road_closed IS NOT NULL) AS road_closed_last,
    min(inclination_deg) AS inclination_deg_min,
    avg(inclination_deg)::double precision AS inclination_deg_avg,
    max(inclination_deg) AS inclination_deg_max,
    min(strain_um_m) AS strain_um_m_min,
    avg(strain_um_m)::double precision AS strain_um_m_avg,
    max(strain_um_m) AS strain_um_m_max,
    min(displacement_mm) AS displacement_mm_min,
    avg(displacement_mm)::double precision AS displacement_mm_avg,
    max(displacement_mm) AS displacement_mm_max,
    min(vibration_rms_mm_s) AS vibration_rms_mm_s_min,
    avg(vibration_rms_mm_s)::double precision AS vibration_rms_mm_s_avg,
    max(vibration_rms_mm_s) AS vibration_rms_mm_s_max,
    min(temperature_c) AS temperature_c_min,
    avg(temperature_c)::double precision AS temperature_c_avg,
    max(temperature_c) AS temperature_c_max
FROM bridge_state
GROUP BY time_bucket('1 hour', observed_at), datastream_id, thing_id
WITH NO DATA;
CREATE MATERIALIZED VIEW bridge_state_daily WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    avg(road_closed::integer)::double precision AS road_closed_share,
    last(road_closed, observed_at) FILTER (WHERE road_closed IS NOT NULL) AS road_closed_last,
    min(inclination_deg) AS inclination_deg_min,
    avg(inclination_deg)::double precision AS inclination_deg_avg,
    max(inclination_deg) AS inclination_deg_max,
    min(strain_um_m) AS strain_um_m_min,
    avg(strain_um_m)::double precision AS strain_um_m_avg,
    max(strain_um_m) AS strain_um_m_max,
    min(displacement_mm) AS displacement_mm_min,
    avg(displacement_mm)::double precision AS displacement_mm_avg,
    max(displacement_mm) AS displacement_mm_max,
    min(vibration_rms_mm_s) AS vibration_rms_mm_s_min,
    avg(vibration_rms_mm_s)::double precision AS vibration_rms_mm_s_avg,
    max(vibration_rms_mm_s) AS vibration_rms_mm_s_max,
    min(temperature_c) AS temperature_c_min,
    avg(temperature_c)::double precision AS temperature_c_avg,
    max(temperature_c) AS temperature_c_max
FROM bridge_state
GROUP BY time_bucket('1 day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id
WITH NO DATA;
CREATE TABLE transformer_load (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    load_ratio double precision,
    apparent_power_kva double precision,
    active_power_kw double precision,
    reactive_power_kvar double precision,
    current_a double precision,
    voltage_v double precision,
    frequency_hz double precision,
    oil_temperature_c double precision,
    content_hash bigint NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    source_index integer NOT NULL,
    decoder_version integer NOT NULL,
    registry_version integer NOT NULL,
    PRIMARY KEY (datastream_id, observed_at)
);
CREATE TABLE transformer_load_latest (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    load_ratio double precision,
    apparent_power_kva double precision,
    active_power_kw double precision,
    reactive_power_kvar double precision,
    current_a double precision,
    voltage_v double precision,
    frequency_hz double precision,
    oil_temperature_c double precision,
    PRIMARY KEY (datastream_id)
) WITH (fillfactor = 50);
CREATE INDEX transformer_load_latest_thing ON transformer_load_latest (thing_id);
SELECT create_hypertable('transformer_load'::regclass, by_range('observed_at', interval '604800 seconds'::interval), create_default_indexes => false);
ALTER TABLE transformer_load SET (timescaledb.enable_columnstore = true, timescaledb.segmentby = 'datastream_id', timescaledb.orderby = 'observed_at');
COMMENT ON TABLE transformer_load IS 'Load of transformers';
COMMENT ON COLUMN transformer_load.load_ratio IS 'Apparent power against the rated power, 1 = fully loaded [1]';
COMMENT ON COLUMN transformer_load.apparent_power_kva IS 'Apparent power [kVA]';
COMMENT ON COLUMN transformer_load.active_power_kw IS 'Active power; negative when the neighbourhood feeds back [kW]';
COMMENT ON COLUMN transformer_load.reactive_power_kvar IS 'Reactive power; negative when capacitive [kvar]';
COMMENT ON COLUMN transformer_load.current_a IS 'Current of the most loaded phase [A]';
COMMENT ON COLUMN transformer_load.voltage_v IS 'Voltage between phase and neutral, mean of the phases [V]';
COMMENT ON COLUMN transformer_load.frequency_hz IS 'Frequency of the grid [Hz]';
COMMENT ON COLUMN transformer_load.oil_temperature_c IS 'Temperature of the oil at the top of the tank [Cel]';
CREATE MATERIALIZED VIEW transformer_load_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 hour', observed_at) AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(load_ratio) AS load_ratio_min,
    avg(load_ratio)::double precision AS load_ratio_avg,
    max(load_ratio) AS load_ratio_max,
    last(load_ratio, observed_at) FILTER (WHERE load_ratio IS NOT NULL) AS load_ratio_last,
    min(apparent_power_kva) AS apparent_power_kva_min,
    avg(apparent_power_kva)::double precision AS apparent_power_kva_avg,
    max(apparent_power_kva) AS apparent_power_kva_max,
    min(active_power_kw) AS active_power_kw_min,
    avg(active_power_kw)::double precision AS active_power_kw_avg,
    max(active_power_kw) AS active_power_kw_max,
    min(reactive_power_kvar) AS reactive_power_kvar_min,
    avg(reactive_power_kvar)::double precision AS reactive_power_kvar_avg,
    max(reactive_power_kvar) AS reactive_power_kvar_max,
    min(current_a) AS current_a_min,
    avg(current_a)::double precision AS current_a_avg,
    max(current_a) AS current_a_max,
    min(voltage_v) AS voltage_v_min,
    avg(voltage_v)::double precision AS voltage_v_avg,
    max(voltage_v) AS voltage_v_max,
    min(frequency_hz) AS frequency_hz_min,
    avg(frequency_hz)::double precision AS frequency_hz_avg,
    max(frequency_hz) AS frequency_hz_max,
    min(oil_temperature_c) AS oil_temperature_c_min,
    avg(oil_temperature_c)::double precision AS oil_temperature_c_avg,
    max(oil_temperature_c) AS oil_temperature_c_max
FROM transformer_load
GROUP BY time_bucket('1 hour', observed_at), datastream_id, thing_id
WITH NO DATA;
CREATE MATERIALIZED VIEW transformer_load_daily WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(load_ratio) AS load_ratio_min,
    avg(load_ratio)::double precision AS load_ratio_avg,
    max(load_ratio) AS load_ratio_max,
    last(load_ratio, observed_at) FILTER (WHERE load_ratio IS NOT NULL) AS load_ratio_last,
    min(apparent_power_kva) AS apparent_power_kva_min,
    avg(apparent_power_kva)::double precision AS apparent_power_kva_avg,
    max(apparent_power_kva) AS apparent_power_kva_max,
    min(active_power_kw) AS active_power_kw_min,
    avg(active_power_kw)::double precision AS active_power_kw_avg,
    max(active_power_kw) AS active_power_kw_max,
    min(reactive_power_kvar) AS reactive_power_kvar_min,
    avg(reactive_power_kvar)::double precision AS reactive_power_kvar_avg,
    max(reactive_power_kvar) AS reactive_power_kvar_max,
    min(current_a) AS current_a_min,
    avg(current_a)::double precision AS current_a_avg,
    max(current_a) AS current_a_max,
    min(voltage_v) AS voltage_v_min,
    avg(voltage_v)::double precision AS voltage_v_avg,
    max(voltage_v) AS voltage_v_max,
    min(frequency_hz) AS frequency_hz_min,
    avg(frequency_hz)::double precision AS frequency_hz_avg,
    max(frequency_hz) AS frequency_hz_max,
    min(oil_temperature_c) AS oil_temperature_c_min,
    avg(oil_temperature_c)::double precision AS oil_temperature_c_avg,
    max(oil_temperature_c) AS oil_temperature_c_max
FROM transformer_load
GROUP BY time_bucket('1 day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id
WITH NO DATA;
CREATE TABLE canary (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    sequence integer,
    content_hash bigint NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    source_index integer NOT NULL,
    decoder_version integer NOT NULL,
    registry_version integer NOT NULL,
    PRIMARY KEY (datastream_id, observed_at)
);
CREATE TABLE canary_latest (
    datastream_id text NOT NULL,
    thing_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    time_source text NOT NULL,
    sequence integer,
    PRIMARY KEY (datastream_id)
) WITH (fillfactor = 50);
CREATE INDEX canary_latest_thing ON canary_latest (thing_id);
SELECT create_hypertable('canary'::regclass, by_range('observed_at', interval '604800 seconds'::interval), create_default_indexes => false);
ALTER TABLE canary SET (timescaledb.enable_columnstore = true, timescaledb.segmentby = 'datastream_id', timescaledb.orderby = 'observed_at');
COMMENT ON TABLE canary IS 'Canary';
COMMENT ON COLUMN canary.sequence IS 'Counts the canaries of one process';
CREATE MATERIALIZED VIEW canary_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 hour', observed_at) AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(sequence) AS sequence_min,
    avg(sequence)::double precision AS sequence_avg,
    max(sequence) AS sequence_max,
    sum(sequence) AS sequence_sum,
    last(sequence, observed_at) FILTER (WHERE sequence IS NOT NULL) AS sequence_last
FROM canary
GROUP BY time_bucket('1 hour', observed_at), datastream_id, thing_id
WITH NO DATA;
CREATE MATERIALIZED VIEW canary_daily WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket('1 day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(sequence) AS sequence_min,
    avg(sequence)::double precision AS sequence_avg,
    max(sequence) AS sequence_max,
    sum(sequence) AS sequence_sum,
    last(sequence, observed_at) FILTER (WHERE sequence IS NOT NULL) AS sequence_last
FROM canary
GROUP BY time_bucket('1 day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id
WITH NO DATA;
CALL add_columnstore_policy('container_fill'::regclass, after => interval '1209600 seconds'::interval, schedule_interval => interval '43200 seconds'::interval);
SELECT add_retention_policy('container_fill'::regclass, drop_after => interval '63072000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('container_fill_hourly'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '3600 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('container_fill_hourly'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('container_fill_daily'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '86400 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('container_fill_daily'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
CALL add_columnstore_policy('traffic_flow'::regclass, after => interval '1209600 seconds'::interval, schedule_interval => interval '43200 seconds'::interval);
SELECT add_retention_policy('traffic_flow'::regclass, drop_after => interval '63072000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('traffic_flow_hourly'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '3600 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('traffic_flow_hourly'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('traffic_flow_daily'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '86400 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('traffic_flow_daily'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
CALL add_columnstore_policy('bridge_state'::regclass, after => interval '1209600 seconds'::interval, schedule_interval => interval '43200 seconds'::interval);
SELECT add_retention_policy('bridge_state'::regclass, drop_after => interval '63072000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('bridge_state_hourly'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '3600 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('bridge_state_hourly'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('bridge_state_daily'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '86400 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('bridge_state_daily'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
CALL add_columnstore_policy('transformer_load'::regclass, after => interval '1209600 seconds'::interval, schedule_interval => interval '43200 seconds'::interval);
SELECT add_retention_policy('transformer_load'::regclass, drop_after => interval '63072000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('transformer_load_hourly'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '3600 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('transformer_load_hourly'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('transformer_load_daily'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '86400 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('transformer_load_daily'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
CALL add_columnstore_policy('canary'::regclass, after => interval '1209600 seconds'::interval, schedule_interval => interval '43200 seconds'::interval);
SELECT add_retention_policy('canary'::regclass, drop_after => interval '63072000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('canary_hourly'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '3600 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('canary_hourly'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
SELECT add_continuous_aggregate_policy('canary_daily'::regclass, start_offset => interval '62985600 seconds'::interval, end_offset => interval '86400 seconds'::interval, schedule_interval => interval '600 seconds'::interval);
SELECT add_retention_policy('canary_daily'::regclass, drop_after => interval '315360000 seconds'::interval, schedule_interval => interval '86400 seconds'::interval);
