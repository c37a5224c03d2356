"""Which way an unsure level may be off."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_current ADD COLUMN level_sd_above double precision NOT NULL DEFAULT 0;
ALTER TABLE forecast_kept ADD COLUMN level_sd_above double precision NOT NULL DEFAULT 0;
COMMENT ON COLUMN forecast_current.level_sd_above IS 'Standard deviation of level_at_cutoff upwards, beyond level_sd.';
"""

MIGRATION = Migration(version=13, name="level_sd_above", sql=_SQL, works_with=1)
