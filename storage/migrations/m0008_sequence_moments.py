"""What devices need that send a number and no time: the moment of each of their readings, fixed when it was first accepted."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
CREATE TABLE sequence_moment (
    sensor_id text NOT NULL,
    channel text NOT NULL,
    session text NOT NULL,
    number bigint NOT NULL,
    place integer NOT NULL,
    occurrence integer NOT NULL,
    content bigint NOT NULL,
    observed_at timestamptz NOT NULL,
    source_incarnation uuid NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    source_index integer NOT NULL,
    PRIMARY KEY (sensor_id, channel, session, number, place, occurrence),
    UNIQUE (sensor_id, channel, observed_at)
);
COMMENT ON TABLE sequence_moment IS
    'When readings without a time were first received, by their sequence number; occurrence counts the starts and wraps of a counter.';
"""

MIGRATION = Migration(version=8, name="sequence_moments", sql=_SQL, works_with=1)
