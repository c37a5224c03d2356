"""The error of the level that a forecast starts from, and the spread of forecasts set right every day by how they turned out."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_current
    ADD COLUMN level_error double precision[] NOT NULL DEFAULT '{}', ADD COLUMN uncalibrated jsonb;
ALTER TABLE forecast_kept
    ADD COLUMN level_error double precision[] NOT NULL DEFAULT '{}', ADD COLUMN uncalibrated jsonb;
ALTER TABLE forecast_outcome
    ADD COLUMN length_hours double precision, ADD COLUMN below double precision, ADD COLUMN above double precision;
COMMENT ON COLUMN forecast_outcome.below IS 'By how many lower half-widths of the uncalibrated forecast the level lay below its median.';

CREATE TABLE forecast_spread (
    forecaster text NOT NULL,
    made_at timestamptz NOT NULL,
    cases bigint NOT NULL,
    factors jsonb NOT NULL,
    PRIMARY KEY (forecaster, made_at)
);
COMMENT ON TABLE forecast_spread IS 'Daily: by what factors the lower and upper side of forecasts are spread, from outcomes of 60 days.';
"""

MIGRATION = Migration(version=7, name="spread_of_forecasts", sql=_SQL, works_with=1)
