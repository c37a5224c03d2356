"""How sure a forecast is of what collections leave, and whether one was missed."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_current ADD COLUMN level_after_sd double precision NOT NULL DEFAULT 0,
    ADD COLUMN emptied_unseen double precision NOT NULL DEFAULT 0;
ALTER TABLE forecast_kept ADD COLUMN level_after_sd double precision NOT NULL DEFAULT 0,
    ADD COLUMN emptied_unseen double precision NOT NULL DEFAULT 0;
COMMENT ON COLUMN forecast_current.level_after_sd IS 'Standard deviation of level_after_emptying: how differently collections leave a container.';
COMMENT ON COLUMN forecast_current.emptied_unseen IS 'The chance that a silent container was emptied since it was read, and nobody said so.';
"""

MIGRATION = Migration(version=11, name="left_behind", sql=_SQL, works_with=1)
