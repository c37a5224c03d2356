"""Messages that Kafka deleted before they were stored: noted, not forgotten."""

from __future__ import annotations

from storage.migrations.migration import Migration

MIGRATION = Migration(
    2,
    "message_gaps",
    """
CREATE TABLE message_gap (
    consumer text NOT NULL,
    incarnation uuid NOT NULL,
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset > first_offset),
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, incarnation, partition, first_offset)
);
COMMENT ON TABLE message_gap IS 'Messages that Kafka deleted before this consumer handled them, skipped by a person who said so.';
""",
    works_with=1,
)
