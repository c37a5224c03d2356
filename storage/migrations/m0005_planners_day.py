"""The planner's day: states with role and time, wishes and events of a day, and what crews say back, by truck and never by person."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
CREATE TABLE plan_day_state (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_date date NOT NULL,
    state text NOT NULL,
    role text NOT NULL,
    at timestamptz NOT NULL,
    revisions jsonb NOT NULL,
    note text NOT NULL
);
COMMENT ON TABLE plan_day_state IS 'Each step of a day: draft, released, driven, closed; a release names the revisions handed out.';
CREATE INDEX plan_day_state_of_day ON plan_day_state (plan_date, change_id);

CREATE TABLE plan_wish (
    wish_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_date date NOT NULL,
    kind text NOT NULL,
    container_id text NOT NULL,
    truck_id text,
    role text NOT NULL,
    at timestamptz NOT NULL,
    price_m bigint NOT NULL,
    price_cost double precision NOT NULL,
    withdrawn_at timestamptz
);
COMMENT ON TABLE plan_wish IS 'Containers that a planner pinned or forbade on a day, with the price that was shown.';
CREATE UNIQUE INDEX plan_wish_of_container ON plan_wish (plan_date, container_id) WHERE withdrawn_at IS NULL;

CREATE TABLE plan_day_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_date date NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    role text NOT NULL,
    at timestamptz NOT NULL,
    note text NOT NULL
);
COMMENT ON TABLE plan_day_event IS 'Breakdowns, blocked roads and urgent containers of a day.';
CREATE INDEX plan_day_event_of_day ON plan_day_event (plan_date, event_id);

CREATE TABLE crew_report (
    report_id uuid PRIMARY KEY,
    plan_date date NOT NULL,
    truck_id text NOT NULL,
    word text NOT NULL,
    container_id text,
    said_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    reason text NOT NULL,
    fill_ratio double precision,
    visit_order text[] NOT NULL
);
COMMENT ON TABLE crew_report IS 'What crews said back, by truck: no person, no place but the container''s.';
CREATE INDEX crew_report_of_day ON crew_report (plan_date, truck_id, said_at);
CREATE INDEX crew_report_of_container ON crew_report (container_id, said_at);

CREATE TABLE disrupted_day (
    plan_date date PRIMARY KEY,
    reason text NOT NULL,
    role text NOT NULL,
    at timestamptz NOT NULL
);
COMMENT ON TABLE disrupted_day IS 'Days of snow, strikes or markets: planned by overflow alone, and left out of learning.';

CREATE TABLE plan_request_detail (
    request_id bigint PRIMARY KEY REFERENCES plan_request ON DELETE CASCADE,
    kind text NOT NULL,
    details jsonb NOT NULL,
    answer jsonb
);
COMMENT ON TABLE plan_request_detail IS 'Requests for more than a plan: the price of wishes, or a re-plan after an event, with the answer.';
"""

MIGRATION = Migration(version=5, name="planners_day", sql=_SQL, works_with=1)
