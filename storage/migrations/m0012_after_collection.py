"""By what forecasts of levels after a collection are spread."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE forecast_current ADD COLUMN after_collection_spread double precision[] NOT NULL DEFAULT '{1, 1}';
ALTER TABLE forecast_kept ADD COLUMN after_collection_spread double precision[] NOT NULL DEFAULT '{1, 1}';
COMMENT ON COLUMN forecast_current.after_collection_spread IS
    'Factors of the lower and the upper side of levels after a collection, beside windows of that length without one.';
"""

MIGRATION = Migration(version=12, name="after_collection", sql=_SQL, works_with=1)
