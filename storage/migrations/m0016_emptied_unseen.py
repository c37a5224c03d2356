"""What the chance of an unseen emptying is told of, in the words of the schema: covered and stuck sensors hide one, too."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
COMMENT ON COLUMN forecast_current.emptied_unseen IS
    'The chance that a container was emptied since its sensor last showed how full it was (silent, covered or stuck), and nobody said so.';
"""

MIGRATION = Migration(version=16, name="emptied_unseen", sql=_SQL, works_with=1)
