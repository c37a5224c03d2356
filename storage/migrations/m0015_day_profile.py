"""By which hours of the day levels between the horizons of a forecast are told."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_current ADD COLUMN day_profile double precision[] NOT NULL DEFAULT '{}';
ALTER TABLE forecast_kept ADD COLUMN day_profile double precision[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN forecast_current.day_profile IS 'Share of each hour (UTC) in a usual day''s inflow; empty: all alike.';
"""

MIGRATION = Migration(version=15, name="day_profile", sql=_SQL, works_with=1)
