"""What corrections need: the registry's history, a record of every correction, things that are out of service.

Each reading's `source_incarnation` comes with the tables made from sensor kinds, as a nullable column. Readings of the first release
have none: where the store had read only one life of the raw topic until now, they are from that one, and that is noted here.
"""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
CREATE TABLE registry_history (
    version integer NOT NULL,
    section text NOT NULL,
    key jsonb NOT NULL,
    before jsonb,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (version, section, key)
);
COMMENT ON TABLE registry_history IS 'What each version of the registry changed; before is what stood there, NULL for something new.';

CREATE TABLE correction (
    correction_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verb text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    since timestamptz NOT NULL,
    finished_at timestamptz,
    report jsonb
);
COMMENT ON TABLE correction IS 'Every correction of stored readings with its diff; finished_at is NULL for one that was broken off.';

CREATE TABLE withdrawn_reading (
    correction_id bigint NOT NULL REFERENCES correction ON DELETE CASCADE,
    kind text NOT NULL,
    withdrawn_at timestamptz NOT NULL DEFAULT now(),
    reading jsonb NOT NULL
);
COMMENT ON TABLE withdrawn_reading IS 'Readings that a correction took away without putting another in their place, as they were.';
CREATE INDEX withdrawn_reading_of_correction ON withdrawn_reading (correction_id);

ALTER TABLE thing ADD COLUMN decommissioned_at timestamptz;
COMMENT ON COLUMN thing.decommissioned_at IS 'Out of service for good since then; its id is never used again.';

INSERT INTO schema_setting (name, value)
SELECT 'registry_history_from', version::text FROM registry_state
ON CONFLICT DO NOTHING;

INSERT INTO schema_setting (name, value)
SELECT 'incarnation_of_unnamed_sources', min(incarnation::text) FROM stream_offset WHERE consumer = 'store'
HAVING count(DISTINCT incarnation) = 1
ON CONFLICT DO NOTHING;
"""

MIGRATION = Migration(version=4, name="corrections", sql=_SQL, works_with=1)
