"""Which way an unsure level may be off."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_current ADD COLUMN level_only_above boolean NOT NULL DEFAULT false;
ALTER TABLE forecast_kept ADD COLUMN level_only_above boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN forecast_current.level_only_above IS 'Whether the level may lie above level_at_cutoff by level_sd, and not below.';
"""

MIGRATION = Migration(version=13, name="only_above", sql=_SQL, works_with=1)
