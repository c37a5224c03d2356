"""How sure a forecast is of the level that it starts from."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_current ADD COLUMN level_sd double precision NOT NULL DEFAULT 0,
    ADD COLUMN errors_shared boolean NOT NULL DEFAULT false;
ALTER TABLE forecast_kept ADD COLUMN level_sd double precision NOT NULL DEFAULT 0,
    ADD COLUMN errors_shared boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN forecast_current.level_sd IS 'Standard deviation of level_at_cutoff, beyond the jitter of a sensor in order.';
COMMENT ON COLUMN forecast_current.errors_shared IS 'Level and inflow rest on the same litres per deposit, so that their errors add up.';
"""

MIGRATION = Migration(version=9, name="level_spread", sql=_SQL, works_with=1)
