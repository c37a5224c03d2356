"""The named migrations, in order. A release's schema version is the number of the last one.

A migration changes tables that are not made from sensor kinds; those follow their reading type by themselves
(`storage.reading_tables`). Each runs once, in a transaction of its own, and is never edited after a release.
"""

from __future__ import annotations

from storage.migrations import (
    m0001_first_light,
    m0002_message_gaps,
    m0003_forecast_models_and_scores,
    m0004_corrections,
    m0005_planners_day,
    m0006_shadow_mode,
    m0007_spread_of_forecasts,
    m0008_sequence_moments,
    m0009_level_spread,
    m0010_collection_limits,
    m0011_left_behind,
    m0012_after_collection,
    m0013_level_sd_above,
    m0014_spread_by_version,
    m0015_day_profile,
    m0016_emptied_unseen,
)
from storage.migrations.migration import Migration

MIGRATIONS: tuple[Migration, ...] = (
    m0001_first_light.MIGRATION,
    m0002_message_gaps.MIGRATION,
    m0003_forecast_models_and_scores.MIGRATION,
    m0004_corrections.MIGRATION,
    m0005_planners_day.MIGRATION,
    m0006_shadow_mode.MIGRATION,
    m0007_spread_of_forecasts.MIGRATION,
    m0008_sequence_moments.MIGRATION,
    m0009_level_spread.MIGRATION,
    m0010_collection_limits.MIGRATION,
    m0011_left_behind.MIGRATION,
    m0012_after_collection.MIGRATION,
    m0013_level_sd_above.MIGRATION,
    m0014_spread_by_version.MIGRATION,
    m0015_day_profile.MIGRATION,
    m0016_emptied_unseen.MIGRATION,
)

SCHEMA_VERSION = MIGRATIONS[-1].version

__all__ = ["MIGRATIONS", "SCHEMA_VERSION", "Migration"]
