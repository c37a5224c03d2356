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
INSERT INTO schema_setting (name, value) VALUES ('engine', 'plain') ON CONFLICT DO NOTHING;
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
CREATE INDEX container_fill_observed_at ON container_fill USING brin (observed_at);
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
CREATE TABLE container_fill_hourly_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, distance_mm_min double precision, distance_mm_avg double precision, distance_mm_max double precision, reported_fill_ratio_min double precision, reported_fill_ratio_avg double precision, reported_fill_ratio_max double precision, deposit_count_min integer, deposit_count_avg double precision, deposit_count_max integer, deposit_count_sum bigint, weight_kg_min double precision, weight_kg_avg double precision, weight_kg_max double precision, temperature_c_min double precision, temperature_c_avg double precision, temperature_c_max double precision, tilted_share double precision, battery_v_min double precision, battery_v_avg double precision, battery_v_max double precision, battery_ratio_min double precision, battery_ratio_avg double precision, battery_ratio_max double precision, fill_ratio_min double precision, fill_ratio_avg double precision, fill_ratio_max double precision, fill_ratio_last double precision, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW container_fill_hourly_current AS
SELECT date_trunc('hour', observed_at, 'UTC') AS bucket, datastream_id, thing_id,
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
    (array_agg(fill_ratio ORDER BY observed_at DESC) FILTER (WHERE fill_ratio IS NOT NULL))[1] AS fill_ratio_last
FROM container_fill
GROUP BY date_trunc('hour', observed_at, 'UTC'), datastream_id, thing_id;
CREATE UNIQUE INDEX container_fill_hourly_current_key ON container_fill_hourly_current (datastream_id, bucket, thing_id);
CREATE VIEW container_fill_hourly AS SELECT bucket, datastream_id, thing_id, reading_count, distance_mm_min, distance_mm_avg, distance_mm_max, reported_fill_ratio_min, reported_fill_ratio_avg, reported_fill_ratio_max, deposit_count_min, deposit_count_avg, deposit_count_max, deposit_count_sum, weight_kg_min, weight_kg_avg, weight_kg_max, temperature_c_min, temperature_c_avg, temperature_c_max, tilted_share, battery_v_min, battery_v_avg, battery_v_max, battery_ratio_min, battery_ratio_avg, battery_ratio_max, fill_ratio_min, fill_ratio_avg, fill_ratio_max, fill_ratio_last FROM container_fill_hourly_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, distance_mm_min, distance_mm_avg, distance_mm_max, reported_fill_ratio_min, reported_fill_ratio_avg, reported_fill_ratio_max, deposit_count_min, deposit_count_avg, deposit_count_max, deposit_count_sum, weight_kg_min, weight_kg_avg, weight_kg_max, temperature_c_min, temperature_c_avg, temperature_c_max, tilted_share, battery_v_min, battery_v_avg, battery_v_max, battery_ratio_min, battery_ratio_avg, battery_ratio_max, fill_ratio_min, fill_ratio_avg, fill_ratio_max, fill_ratio_last FROM container_fill_hourly_current WHERE bucket > coalesce((SELECT max(bucket) FROM container_fill_hourly_archive), '-infinity');
CREATE TABLE container_fill_daily_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, distance_mm_min double precision, distance_mm_avg double precision, distance_mm_max double precision, reported_fill_ratio_min double precision, reported_fill_ratio_avg double precision, reported_fill_ratio_max double precision, deposit_count_min integer, deposit_count_avg double precision, deposit_count_max integer, deposit_count_sum bigint, weight_kg_min double precision, weight_kg_avg double precision, weight_kg_max double precision, temperature_c_min double precision, temperature_c_avg double precision, temperature_c_max double precision, tilted_share double precision, battery_v_min double precision, battery_v_avg double precision, battery_v_max double precision, battery_ratio_min double precision, battery_ratio_avg double precision, battery_ratio_max double precision, fill_ratio_min double precision, fill_ratio_avg double precision, fill_ratio_max double precision, fill_ratio_last double precision, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW container_fill_daily_current AS
SELECT date_trunc('day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
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
    (array_agg(fill_ratio ORDER BY observed_at DESC) FILTER (WHERE fill_ratio IS NOT NULL))[1] AS fill_ratio_last
FROM container_fill
GROUP BY date_trunc('day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id;
CREATE UNIQUE INDEX container_fill_daily_current_key ON container_fill_daily_current (datastream_id, bucket, thing_id);
CREATE VIEW container_fill_daily AS SELECT bucket, datastream_id, thing_id, reading_count, distance_mm_min, distance_mm_avg, distance_mm_max, reported_fill_ratio_min, reported_fill_ratio_avg, reported_fill_ratio_max, deposit_count_min, deposit_count_avg, deposit_count_max, deposit_count_sum, weight_kg_min, weight_kg_avg, weight_kg_max, temperature_c_min, temperature_c_avg, temperature_c_max, tilted_share, battery_v_min, battery_v_avg, battery_v_max, battery_ratio_min, battery_ratio_avg, battery_ratio_max, fill_ratio_min, fill_ratio_avg, fill_ratio_max, fill_ratio_last FROM container_fill_daily_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, distance_mm_min, distance_mm_avg, distance_mm_max, reported_fill_ratio_min, reported_fill_ratio_avg, reported_fill_ratio_max, deposit_count_min, deposit_count_avg, deposit_count_max, deposit_count_sum, weight_kg_min, weight_kg_avg, weight_kg_max, temperature_c_min, temperature_c_avg, temperature_c_max, tilted_share, battery_v_min, battery_v_avg, battery_v_max, battery_ratio_min, battery_ratio_avg, battery_ratio_max, fill_ratio_min, fill_ratio_avg, fill_ratio_max, fill_ratio_last FROM container_fill_daily_current WHERE bucket > coalesce((SELECT max(bucket) FROM container_fill_daily_archive), '-infinity');
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
CREATE INDEX traffic_flow_observed_at ON traffic_flow USING brin (observed_at);
COMMENT ON TABLE traffic_flow IS 'Road traffic';
COMMENT ON COLUMN traffic_flow.window_s IS 'Length of the counted window [s]';
COMMENT ON COLUMN traffic_flow.vehicle_count IS 'Vehicles counted in the window';
COMMENT ON COLUMN traffic_flow.flow_per_h IS 'Flow scaled to vehicles per hour [1/h]';
COMMENT ON COLUMN traffic_flow.speed_km_h IS 'Mean speed [km/h]';
COMMENT ON COLUMN traffic_flow.occupancy_ratio IS 'Share of time that the detector was covered, 0 to 1 [1]';
CREATE TABLE traffic_flow_hourly_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, window_s_min integer, window_s_avg double precision, window_s_max integer, window_s_sum bigint, vehicle_count_min integer, vehicle_count_avg double precision, vehicle_count_max integer, vehicle_count_sum bigint, flow_per_h_min double precision, flow_per_h_avg double precision, flow_per_h_max double precision, flow_per_h_last double precision, speed_km_h_min double precision, speed_km_h_avg double precision, speed_km_h_max double precision, occupancy_ratio_min double precision, occupancy_ratio_avg double precision, occupancy_ratio_max double precision, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW traffic_flow_hourly_current AS
SELECT date_trunc('hour', observed_at, 'UTC') AS bucket, datastream_id, thing_id,
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
    (array_agg(flow_per_h ORDER BY observed_at DESC) FILTER (WHERE flow_per_h IS NOT NULL))[1] AS flow_per_h_last,
    min(speed_km_h) AS speed_km_h_min,
    avg(speed_km_h)::double precision AS speed_km_h_avg,
    max(speed_km_h) AS speed_km_h_max,
    min(occupancy_ratio) AS occupancy_ratio_min,
    avg(occupancy_ratio)::double precision AS occupancy_ratio_avg,
    max(occupancy_ratio) AS occupancy_ratio_max
FROM traffic_flow
GROUP BY date_trunc('hour', observed_at, 'UTC'), datastream_id, thing_id;
CREATE UNIQUE INDEX traffic_flow_hourly_current_key ON traffic_flow_hourly_current (datastream_id, bucket, thing_id);
CREATE VIEW traffic_flow_hourly AS SELECT bucket, datastream_id, thing_id, reading_count, window_s_min, window_s_avg, window_s_max, window_s_sum, vehicle_count_min, vehicle_count_avg, vehicle_count_max, vehicle_count_sum, flow_per_h_min, flow_per_h_avg, flow_per_h_max, flow_per_h_last, speed_km_h_min, speed_km_h_avg, speed_km_h_max, occupancy_ratio_min, occupancy_ratio_avg, occupancy_ratio_max FROM traffic_flow_hourly_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, window_s_min, window_s_avg, window_s_max, window_s_sum, vehicle_count_min, vehicle_count_avg, vehicle_count_max, vehicle_count_sum, flow_per_h_min, flow_per_h_avg, flow_per_h_max, flow_per_h_last, speed_km_h_min, speed_km_h_avg, speed_km_h_max, occupancy_ratio_min, occupancy_ratio_avg, occupancy_ratio_max FROM traffic_flow_hourly_current WHERE bucket > coalesce((SELECT max(bucket) FROM traffic_flow_hourly_archive), '-infinity');
CREATE TABLE traffic_flow_daily_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, window_s_min integer, window_s_avg double precision, window_s_max integer, window_s_sum bigint, vehicle_count_min integer, vehicle_count_avg double precision, vehicle_count_max integer, vehicle_count_sum bigint, flow_per_h_min double precision, flow_per_h_avg double precision, flow_per_h_max double precision, flow_per_h_last double precision, speed_km_h_min double precision, speed_km_h_avg double precision, speed_km_h_max double precision, occupancy_ratio_min double precision, occupancy_ratio_avg double precision, occupancy_ratio_max double precision, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW traffic_flow_daily_current AS
SELECT date_trunc('day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
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
    (array_agg(flow_per_h ORDER BY observed_at DESC) FILTER (WHERE flow_per_h IS NOT NULL))[1] AS flow_per_h_last,
    min(speed_km_h) AS speed_km_h_min,
    avg(speed_km_h)::double precision AS speed_km_h_avg,
    max(speed_km_h) AS speed_km_h_max,
    min(occupancy_ratio) AS occupancy_ratio_min,
    avg(occupancy_ratio)::double precision AS occupancy_ratio_avg,
    max(occupancy_ratio) AS occupancy_ratio_max
FROM traffic_flow
GROUP BY date_trunc('day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id;
CREATE UNIQUE INDEX traffic_flow_daily_current_key ON traffic_flow_daily_current (datastream_id, bucket, thing_id);
CREATE VIEW traffic_flow_daily AS SELECT bucket, datastream_id, thing_id, reading_count, window_s_min, window_s_avg, window_s_max, window_s_sum, vehicle_count_min, vehicle_count_avg, vehicle_count_max, vehicle_count_sum, flow_per_h_min, flow_per_h_avg, flow_per_h_max, flow_per_h_last, speed_km_h_min, speed_km_h_avg, speed_km_h_max, occupancy_ratio_min, occupancy_ratio_avg, occupancy_ratio_max FROM traffic_flow_daily_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, window_s_min, window_s_avg, window_s_max, window_s_sum, vehicle_count_min, vehicle_count_avg, vehicle_count_max, vehicle_count_sum, flow_per_h_min, flow_per_h_avg, flow_per_h_max, flow_per_h_last, speed_km_h_min, speed_km_h_avg, speed_km_h_max, occupancy_ratio_min, occupancy_ratio_avg, occupancy_ratio_max FROM traffic_flow_daily_current WHERE bucket > coalesce((SELECT max(bucket) FROM traffic_flow_daily_archive), '-infinity');
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
CREATE INDEX bridge_state_observed_at ON bridge_state USING brin (observed_at);
COMMENT ON TABLE bridge_state IS 'State of bridges';
COMMENT ON COLUMN bridge_state.road_closed IS 'The road over the bridge is closed, as when ships pass';
COMMENT ON COLUMN bridge_state.inclination_deg IS 'Inclination against the position at rest [deg]';
COMMENT ON COLUMN bridge_state.strain_um_m IS 'Strain [um/m]';
COMMENT ON COLUMN bridge_state.displacement_mm IS 'Displacement of a joint [mm]';
COMMENT ON COLUMN bridge_state.vibration_rms_mm_s IS 'Vibration velocity, root mean square [mm/s]';
COMMENT ON COLUMN bridge_state.temperature_c IS 'Temperature of the structure [Cel]';
CREATE TABLE bridge_state_hourly_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, road_closed_share double precision, road_closed_last boolean, inclination_deg_min double precision, inclination_deg_avg double precision, inclination_deg_max double precision, strain_um_m_min double precision, strain_um_m_avg double precision, strain_um_m_max double precision, displacement_mm_min double precision, displacement_mm_avg double precision, displacement_mm_max double precision, vibration_rms_mm_s_min double precision, vibration_rms_mm_s_avg double precision, vibration_rms_mm_s_max double precision, temperature_c_min double precision, temperature_c_avg double precision, temperature_c_max double precision, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW bridge_state_hourly_current AS
SELECT date_trunc('hour', observed_at, 'UTC') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    avg(road_closed::integer)::double precision AS road_closed_share,
    (array_agg(road_closed ORDER BY observed_at DESC) FILTER (WHERE road_closed IS NOT NULL))[1] AS road_closed_last,
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
GROUP BY date_trunc('hour', observed_at, 'UTC'), datastream_id, thing_id;
CREATE UNIQUE INDEX bridge_state_hourly_current_key ON bridge_state_hourly_current (datastream_id, bucket, thing_id);
CREATE VIEW bridge_state_hourly AS SELECT bucket, datastream_id, thing_id, reading_count, road_closed_share, road_closed_last, inclination_deg_min, inclination_deg_avg, inclination_deg_max, strain_um_m_min, strain_um_m_avg, strain_um_m_max, displacement_mm_min, displacement_mm_avg, displacement_mm_max, vibration_rms_mm_s_min, vibration_rms_mm_s_avg, vibration_rms_mm_s_max, temperature_c_min, temperature_c_avg, temperature_c_max FROM bridge_state_hourly_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, road_closed_share, road_closed_last, inclination_deg_min, inclination_deg_avg, inclination_deg_max, strain_um_m_min, strain_um_m_avg, strain_um_m_max, displacement_mm_min, displacement_mm_avg, displacement_mm_max, vibration_rms_mm_s_min, vibration_rms_mm_s_avg, vibration_rms_mm_s_max, temperature_c_min, temperature_c_avg, temperature_c_max FROM bridge_state_hourly_current WHERE bucket > coalesce((SELECT max(bucket) FROM bridge_state_hourly_archive), '-infinity');
CREATE TABLE bridge_state_daily_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, road_closed_share double precision, road_closed_last boolean, inclination_deg_min double precision, inclination_deg_avg double precision, inclination_deg_max double precision, strain_um_m_min double precision, strain_um_m_avg double precision, strain_um_m_max double precision, displacement_mm_min double precision, displacement_mm_avg double precision, displacement_mm_max double precision, vibration_rms_mm_s_min double precision, vibration_rms_mm_s_avg double precision, vibration_rms_mm_s_max double precision, temperature_c_min double precision, temperature_c_avg double precision, temperature_c_max double precision, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW bridge_state_daily_current AS
SELECT date_trunc('day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    avg(road_closed::integer)::double precision AS road_closed_share,
    (array_agg(road_closed ORDER BY observed_at DESC) FILTER (WHERE road_closed IS NOT NULL))[1] AS road_closed_last,
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
GROUP BY date_trunc('day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id;
CREATE UNIQUE INDEX bridge_state_daily_current_key ON bridge_state_daily_current (datastream_id, bucket, thing_id);
CREATE VIEW bridge_state_daily AS SELECT bucket, datastream_id, thing_id, reading_count, road_closed_share, road_closed_last, inclination_deg_min, inclination_deg_avg, inclination_deg_max, strain_um_m_min, strain_um_m_avg, strain_um_m_max, displacement_mm_min, displacement_mm_avg, displacement_mm_max, vibration_rms_mm_s_min, vibration_rms_mm_s_avg, vibration_rms_mm_s_max, temperature_c_min, temperature_c_avg, temperature_c_max FROM bridge_state_daily_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, road_closed_share, road_closed_last, inclination_deg_min, inclination_deg_avg, inclination_deg_max, strain_um_m_min, strain_um_m_avg, strain_um_m_max, displacement_mm_min, displacement_mm_avg, displacement_mm_max, vibration_rms_mm_s_min, vibration_rms_mm_s_avg, vibration_rms_mm_s_max, temperature_c_min, temperature_c_avg, temperature_c_max FROM bridge_state_daily_current WHERE bucket > coalesce((SELECT max(bucket) FROM bridge_state_daily_archive), '-infinity');
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
CREATE INDEX transformer_load_observed_at ON transformer_load USING brin (observed_at);
COMMENT ON TABLE transformer_load IS 'Load of transformers';
COMMENT ON COLUMN transformer_load.load_ratio IS 'Apparent power against the rated power, 1 = fully loaded [1]';
COMMENT ON COLUMN transformer_load.apparent_power_kva IS 'Apparent power [kVA]';
COMMENT ON COLUMN transformer_load.active_power_kw IS 'Active power; negative when the neighbourhood feeds back [kW]';
COMMENT ON COLUMN transformer_load.reactive_power_kvar IS 'Reactive power; negative when capacitive [kvar]';
COMMENT ON COLUMN transformer_load.current_a IS 'Current of the most loaded phase [A]';
COMMENT ON COLUMN transformer_load.voltage_v IS 'Voltage between phase and neutral, mean of the phases [V]';
COMMENT ON COLUMN transformer_load.frequency_hz IS 'Frequency of the grid [Hz]';
COMMENT ON COLUMN transformer_load.oil_temperature_c IS 'Temperature of the oil at the top of the tank [Cel]';
CREATE TABLE transformer_load_hourly_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, load_ratio_min double precision, load_ratio_avg double precision, load_ratio_max double precision, load_ratio_last double precision, apparent_power_kva_min double precision, apparent_power_kva_avg double precision, apparent_power_kva_max double precision, active_power_kw_min double precision, active_power_kw_avg double precision, active_power_kw_max double precision, reactive_power_kvar_min double precision, reactive_power_kvar_avg double precision, reactive_power_kvar_max double precision, current_a_min double precision, current_a_avg double precision, current_a_max double precision, voltage_v_min double precision, voltage_v_avg double precision, voltage_v_max double precision, frequency_hz_min double precision, frequency_hz_avg double precision, frequency_hz_max double precision, oil_temperature_c_min double precision, oil_temperature_c_avg double precision, oil_temperature_c_max double precision, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW transformer_load_hourly_current AS
SELECT date_trunc('hour', observed_at, 'UTC') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(load_ratio) AS load_ratio_min,
    avg(load_ratio)::double precision AS load_ratio_avg,
    max(load_ratio) AS load_ratio_max,
    (array_agg(load_ratio ORDER BY observed_at DESC) FILTER (WHERE load_ratio IS NOT NULL))[1] AS load_ratio_last,
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
GROUP BY date_trunc('hour', observed_at, 'UTC'), datastream_id, thing_id;
CREATE UNIQUE INDEX transformer_load_hourly_current_key ON transformer_load_hourly_current (datastream_id, bucket, thing_id);
CREATE VIEW transformer_load_hourly AS SELECT bucket, datastream_id, thing_id, reading_count, load_ratio_min, load_ratio_avg, load_ratio_max, load_ratio_last, apparent_power_kva_min, apparent_power_kva_avg, apparent_power_kva_max, active_power_kw_min, active_power_kw_avg, active_power_kw_max, reactive_power_kvar_min, reactive_power_kvar_avg, reactive_power_kvar_max, current_a_min, current_a_avg, current_a_max, voltage_v_min, voltage_v_avg, voltage_v_max, frequency_hz_min, frequency_hz_avg, frequency_hz_max, oil_temperature_c_min, oil_temperature_c_avg, oil_temperature_c_max FROM transformer_load_hourly_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, load_ratio_min, load_ratio_avg, load_ratio_max, load_ratio_last, apparent_power_kva_min, apparent_power_kva_avg, apparent_power_kva_max, active_power_kw_min, active_power_kw_avg, active_power_kw_max, reactive_power_kvar_min, reactive_power_kvar_avg, reactive_power_kvar_max, current_a_min, current_a_avg, current_a_max, voltage_v_min, voltage_v_avg, voltage_v_max, frequency_hz_min, frequency_hz_avg, frequency_hz_max, oil_temperature_c_min, oil_temperature_c_avg, oil_temperature_c_max FROM transformer_load_hourly_current WHERE bucket > coalesce((SELECT max(bucket) FROM transformer_load_hourly_archive), '-infinity');
CREATE TABLE transformer_load_daily_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, load_ratio_min double precision, load_ratio_avg double precision, load_ratio_max double precision, load_ratio_last double precision, apparent_power_kva_min double precision, apparent_power_kva_avg double precision, apparent_power_kva_max double precision, active_power_kw_min double precision, active_power_kw_avg double precision, active_power_kw_max double precision, reactive_power_kvar_min double precision, reactive_power_kvar_avg double precision, reactive_power_kvar_max double precision, current_a_min double precision, current_a_avg double precision, current_a_max double precision, voltage_v_min double precision, voltage_v_avg double precision, voltage_v_max double precision, frequency_hz_min double precision, frequency_hz_avg double precision, frequency_hz_max double precision, oil_temperature_c_min double precision, oil_temperature_c_avg double precision, oil_temperature_c_max double precision, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW transformer_load_daily_current AS
SELECT date_trunc('day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(load_ratio) AS load_ratio_min,
    avg(load_ratio)::double precision AS load_ratio_avg,
    max(load_ratio) AS load_ratio_max,
    (array_agg(load_ratio ORDER BY observed_at DESC) FILTER (WHERE load_ratio IS NOT NULL))[1] AS load_ratio_last,
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
GROUP BY date_trunc('day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id;
CREATE UNIQUE INDEX transformer_load_daily_current_key ON transformer_load_daily_current (datastream_id, bucket, thing_id);
CREATE VIEW transformer_load_daily AS SELECT bucket, datastream_id, thing_id, reading_count, load_ratio_min, load_ratio_avg, load_ratio_max, load_ratio_last, apparent_power_kva_min, apparent_power_kva_avg, apparent_power_kva_max, active_power_kw_min, active_power_kw_avg, active_power_kw_max, reactive_power_kvar_min, reactive_power_kvar_avg, reactive_power_kvar_max, current_a_min, current_a_avg, current_a_max, voltage_v_min, voltage_v_avg, voltage_v_max, frequency_hz_min, frequency_hz_avg, frequency_hz_max, oil_temperature_c_min, oil_temperature_c_avg, oil_temperature_c_max FROM transformer_load_daily_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, load_ratio_min, load_ratio_avg, load_ratio_max, load_ratio_last, apparent_power_kva_min, apparent_power_kva_avg, apparent_power_kva_max, active_power_kw_min, active_power_kw_avg, active_power_kw_max, reactive_power_kvar_min, reactive_power_kvar_avg, reactive_power_kvar_max, current_a_min, current_a_avg, current_a_max, voltage_v_min, voltage_v_avg, voltage_v_max, frequency_hz_min, frequency_hz_avg, frequency_hz_max, oil_temperature_c_min, oil_temperature_c_avg, oil_temperature_c_max FROM transformer_load_daily_current WHERE bucket > coalesce((SELECT max(bucket) FROM transformer_load_daily_archive), '-infinity');
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
CREATE INDEX canary_observed_at ON canary USING brin (observed_at);
COMMENT ON TABLE canary IS 'Canary';
COMMENT ON COLUMN canary.sequence IS 'Counts the canaries of one process';
CREATE TABLE canary_hourly_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, sequence_min integer, sequence_avg double precision, sequence_max integer, sequence_sum bigint, sequence_last integer, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW canary_hourly_current AS
SELECT date_trunc('hour', observed_at, 'UTC') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(sequence) AS sequence_min,
    avg(sequence)::double precision AS sequence_avg,
    max(sequence) AS sequence_max,
    sum(sequence) AS sequence_sum,
    (array_agg(sequence ORDER BY observed_at DESC) FILTER (WHERE sequence IS NOT NULL))[1] AS sequence_last
FROM canary
GROUP BY date_trunc('hour', observed_at, 'UTC'), datastream_id, thing_id;
CREATE UNIQUE INDEX canary_hourly_current_key ON canary_hourly_current (datastream_id, bucket, thing_id);
CREATE VIEW canary_hourly AS SELECT bucket, datastream_id, thing_id, reading_count, sequence_min, sequence_avg, sequence_max, sequence_sum, sequence_last FROM canary_hourly_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, sequence_min, sequence_avg, sequence_max, sequence_sum, sequence_last FROM canary_hourly_current WHERE bucket > coalesce((SELECT max(bucket) FROM canary_hourly_archive), '-infinity');
CREATE TABLE canary_daily_archive (bucket timestamp with time zone, datastream_id text, thing_id text, reading_count bigint, sequence_min integer, sequence_avg double precision, sequence_max integer, sequence_sum bigint, sequence_last integer, PRIMARY KEY (bucket, datastream_id, thing_id));
CREATE MATERIALIZED VIEW canary_daily_current AS
SELECT date_trunc('day', observed_at, 'Europe/Amsterdam') AS bucket, datastream_id, thing_id,
    count(*) AS reading_count,
    min(sequence) AS sequence_min,
    avg(sequence)::double precision AS sequence_avg,
    max(sequence) AS sequence_max,
    sum(sequence) AS sequence_sum,
    (array_agg(sequence ORDER BY observed_at DESC) FILTER (WHERE sequence IS NOT NULL))[1] AS sequence_last
FROM canary
GROUP BY date_trunc('day', observed_at, 'Europe/Amsterdam'), datastream_id, thing_id;
CREATE UNIQUE INDEX canary_daily_current_key ON canary_daily_current (datastream_id, bucket, thing_id);
CREATE VIEW canary_daily AS SELECT bucket, datastream_id, thing_id, reading_count, sequence_min, sequence_avg, sequence_max, sequence_sum, sequence_last FROM canary_daily_archive UNION ALL SELECT bucket, datastream_id, thing_id, reading_count, sequence_min, sequence_avg, sequence_max, sequence_sum, sequence_last FROM canary_daily_current WHERE bucket > coalesce((SELECT max(bucket) FROM canary_daily_archive), '-infinity');
