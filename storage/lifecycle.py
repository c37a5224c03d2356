"""How long what is kept, when it is compressed and how far back rollups are refreshed: the one table that docs print and both
engines carry out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

RAW_MESSAGES = timedelta(days=45)
"""Kafka's retention of the raw topic, and how old a reading may be when it arrives."""
LATENESS_WINDOW = timedelta(days=14)
"""Readings usually arrive within this time: older chunks are compressed, and what is later costs more."""
CHUNK = timedelta(days=7)
ROLLUP_REFRESH = timedelta(minutes=10)
READINGS_DAYS = 730


@dataclass(frozen=True, slots=True)
class KeptTable:
    """Rows of an ordinary table are deleted when `age_column` is `keep` old and `condition` holds."""

    table: str
    age_column: str
    keep: timedelta
    what: str
    condition: str = "true"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """All periods of one installation. `readings` can be set; what depends on it follows."""

    readings: timedelta = timedelta(days=READINGS_DAYS)
    rollups: timedelta = timedelta(days=3650)
    columnstore_after: timedelta = LATENESS_WINDOW
    rollup_refresh: timedelta = ROLLUP_REFRESH

    @property
    def refresh_reach(self) -> timedelta:
        """How far back a refresh may start: a day after the oldest reading that retention leaves."""
        return self.readings - timedelta(days=1)

    def kept_tables(self) -> tuple[KeptTable, ...]:
        """Retention of the ordinary tables, in an order that foreign keys allow."""
        decisions = timedelta(days=730)
        return (
            KeptTable("dead_letter", "first_seen", timedelta(days=30), "Dead letters with their bytes"),
            KeptTable("dead_letter_source", "day", timedelta(days=30), "Counts of dead letters per source"),
            KeptTable("sequence_moment", "observed_at", self.readings, "Moments of readings that came without a time"),
            KeptTable("forecast_kept", "known_at", decisions, "Forecasts that decisions used"),
            KeptTable("forecast_outcome", "target_at", timedelta(days=120), "How single forecasts turned out"),
            KeptTable("forecast_spread", "made_at", timedelta(days=120), "How widely forecasts were spread, by day"),
            KeptTable("forecast_score", "target_day", self.rollups, "Scores of forecasts per day"),
            KeptTable(
                "forecast_model",
                "made_at",
                timedelta(days=180),
                "Forecast models that were never taken",
                "NOT EXISTS (SELECT FROM forecast_model_taken AS taken WHERE taken.version = forecast_model.version)",
            ),
            KeptTable("plan_request", "asked_at", decisions, "Plans asked for", "answered_at IS NOT NULL"),
            KeptTable("plan", "made_at", decisions, "Collection plans with their decisions"),
            KeptTable(
                "decision_input",
                "last_used_at",
                decisions,
                "Inputs of decisions",
                "NOT EXISTS (SELECT FROM plan_input AS used WHERE used.content_sha256 = decision_input.content_sha256)",
            ),
            KeptTable("correction", "made_at", decisions, "Corrections with their diffs, and the readings that they withdrew"),
            KeptTable("plan_day_state", "at", decisions, "Steps of days: draft, released, driven, closed"),
            KeptTable("plan_wish", "at", decisions, "Pinned and forbidden containers"),
            KeptTable("plan_day_event", "at", decisions, "Breakdowns, blocked roads and urgent containers"),
            KeptTable("crew_report", "said_at", decisions, "What crews said back, by truck"),
            KeptTable("shadow_visit", "made_at", decisions, "When shadow plans would have collected containers"),
            KeptTable("district_day", "scored_at", self.rollups, "What districts' days came to, and what shadow plans would have"),
            KeptTable("district_fallback", "at", decisions, "How districts stood when days were planned"),
            KeptTable("disrupted_day", "at", decisions, "Days left out of learning"),
            KeptTable("outbox", "written_at", timedelta(days=30), "Messages to other systems, once sent", "sent_at IS NOT NULL"),
            KeptTable("emptying", "emptied_before", self.rollups, "Emptyings seen in the signal"),
            KeptTable("ledger", "hour", self.rollups, "The ledger"),
        )

    def rows(self) -> list[tuple[str, str, str]]:
        """(what, where, days kept) for people."""
        found = [
            ("Raw messages", "Kafka telemetry.raw", f"{RAW_MESSAGES.days}"),
            ("Readings", "a table per sensor kind", f"{self.readings.days} (STADSPULS_READINGS_RETENTION_DAYS)"),
            ("Hourly and daily rollups", "<kind>_hourly, <kind>_daily", f"{self.rollups.days}"),
        ]
        return found + [(item.what, item.table, f"{item.keep.days}") for item in self.kept_tables()]


def lifecycle_of(readings_retention_days: int) -> Lifecycle:
    """The lifecycle of an installation that keeps readings this long, and its rollups at least as long."""
    readings = timedelta(days=readings_retention_days)
    return Lifecycle(readings=readings, rollups=max(readings, timedelta(days=3650)))
