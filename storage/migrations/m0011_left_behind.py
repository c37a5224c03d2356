"""How sure a forecast is of the level that a collection leaves."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_current ADD COLUMN level_after_sd double precision NOT NULL DEFAULT 0;
ALTER TABLE forecast_kept ADD COLUMN level_after_sd double precision NOT NULL DEFAULT 0;
COMMENT ON COLUMN forecast_current.level_after_sd IS 'Standard deviation of level_after_emptying: how differently collections leave a container.';
"""

MIGRATION = Migration(version=11, name="left_behind", sql=_SQL, works_with=1)
