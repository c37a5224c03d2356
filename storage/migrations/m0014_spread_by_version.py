"""How widely forecasts are spread belongs to the model that made them: the next one is as wide as it has shown itself to need."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_spread ADD COLUMN forecaster_version text NOT NULL DEFAULT '';
ALTER TABLE forecast_spread DROP CONSTRAINT forecast_spread_pkey, ADD PRIMARY KEY (forecaster, forecaster_version, made_at);
COMMENT ON COLUMN forecast_spread.forecaster_version IS 'Empty: made of the outcomes of all versions together, by releases before this.';
"""

MIGRATION = Migration(version=14, name="spread_by_version", sql=_SQL, works_with=1)
