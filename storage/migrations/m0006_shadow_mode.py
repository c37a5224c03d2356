"""Shadow mode: when shadow plans would have collected containers, what districts' days came to in both worlds, and districts that are back on
their fixed routes."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
CREATE TABLE shadow_visit (
    container_id text NOT NULL,
    plan_date date NOT NULL,
    collected_at timestamptz,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (container_id, plan_date)
);
COMMENT ON TABLE shadow_visit IS 'Containers on their days in shadow mode: when the shadow plan would have collected them, null when not at all.';
CREATE INDEX shadow_visit_of_day ON shadow_visit (plan_date);

CREATE TABLE district_day (
    plan_date date NOT NULL,
    district text NOT NULL,
    driven_by text NOT NULL,
    containers integer NOT NULL,
    counted integer NOT NULL,
    emptyings integer NOT NULL,
    levels_known integer NOT NULL,
    fill_at_emptying double precision,
    overflow_hours double precision NOT NULL,
    distance_m bigint,
    duration_s bigint,
    shadow_emptyings integer,
    shadow_levels_known integer,
    shadow_fill_at_emptying double precision,
    shadow_overflow_hours double precision,
    shadow_distance_m bigint,
    shadow_duration_s bigint,
    scored_at timestamptz NOT NULL,
    PRIMARY KEY (plan_date, district)
);
COMMENT ON TABLE district_day IS 'What a day came to in a district as it was driven, and beside it what the shadow plan would have come to.';

CREATE TABLE district_fallback (
    plan_date date NOT NULL,
    district text NOT NULL,
    since date,
    cause text NOT NULL,
    standing jsonb NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (plan_date, district)
);
COMMENT ON TABLE district_fallback IS 'How each district stood when a day was planned; since is set while it is back on its fixed route.';
"""

MIGRATION = Migration(version=6, name="shadow_mode", sql=_SQL, works_with=1)
