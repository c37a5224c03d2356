"""The boards: City now, Waste, Is it working. Written here, rendered to `dashboards/*.json`, which Grafana provisions.

`python -m deploy.grafana.boards` renders; a test fails when the files differ, and runs every query.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

DASHBOARDS = Path(__file__).parent / "dashboards"

Source = Literal["sql", "prometheus"]
_DATASOURCES = {
    "sql": {"type": "grafana-postgresql-datasource", "uid": "stadspuls-database"},
    "prometheus": {"type": "prometheus", "uid": "stadspuls-prometheus"},
}


@dataclass(frozen=True)
class Panel:
    """One panel. `format` is Grafana's for SQL results; width counts in twenty-fourths of the board."""

    title: str
    type: Literal["stat", "table", "timeseries", "bargauge", "geomap", "piechart"]
    query: str
    description: str
    source: Source = "sql"
    format: Literal["table", "time_series"] = "table"
    unit: str = "short"
    width: int = 8
    height: int = 8


@dataclass(frozen=True)
class Board:
    """One board: file name, title and panels in reading order."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


CITY_NOW = Board(
    "city-now",
    "City now",
    (
        Panel("Containers at 80 % or more", "stat", "SELECT count(*) AS containers FROM container_fill_latest WHERE fill_ratio >= 0.8",
              "Containers whose newest level is 80 % or more.", width=6, height=4),
        Panel("Bridges with their road closed", "stat", "SELECT count(*) AS bridges FROM bridge_state_latest WHERE road_closed",
              "Bridges whose newest report says that the road is closed, as when ships pass.", width=6, height=4),
        Panel("Mean speed", "stat", "SELECT avg(speed_km_h) AS speed FROM traffic_flow_latest",
              "Mean of the newest speeds of all counters.", unit="velocitykmh", width=6, height=4),
        Panel("Newest reading", "stat", "SELECT max(observed_at) AS newest FROM container_fill_latest",
              "When the newest level was measured: the city's own time.", unit="dateTimeFromNow", width=6, height=4),
        Panel("Where containers are how full", "geomap",
              "SELECT thing.latitude, thing.longitude, thing.name, thing.fraction, latest.fill_ratio "
              "FROM thing JOIN container_fill_latest AS latest USING (thing_id) WHERE latest.fill_ratio IS NOT NULL",
              "Every container at its place, coloured by its newest level.", unit="percentunit", width=12, height=14),
        Panel("Traffic by hour", "timeseries",
              "SELECT bucket AS time, sum(flow_per_h_avg) AS flow FROM traffic_flow_hourly WHERE $__timeFilter(bucket) GROUP BY bucket ORDER BY bucket",
              "Sum over all counters of the mean hourly flow.", format="time_series", width=12, height=7),
        Panel("Share of time that bridge roads are closed", "timeseries",
              "SELECT bucket AS time, avg(road_closed_share) AS closed FROM bridge_state_hourly WHERE $__timeFilter(bucket) GROUP BY bucket ORDER BY bucket",
              "Mean over all bridges.", format="time_series", unit="percentunit", width=12, height=7),
    ),
)  # fmt: skip

WASTE = Board(
    "waste",
    "Waste",
    (
        Panel("Level by fraction", "bargauge",
              "SELECT thing.fraction, avg(latest.fill_ratio) AS level FROM thing JOIN container_fill_latest AS latest USING (thing_id) "
              "WHERE latest.fill_ratio IS NOT NULL GROUP BY thing.fraction ORDER BY thing.fraction",
              "Mean of the newest levels.", unit="percentunit", width=8),
        Panel("Containers by level", "piechart",
              "SELECT CASE WHEN fill_ratio < 0.6 THEN 'under 60 %' WHEN fill_ratio < 0.8 THEN '60 to 80 %' ELSE '80 % or more' END AS level, "
              "count(*) AS containers FROM container_fill_latest WHERE fill_ratio IS NOT NULL GROUP BY 1 ORDER BY 1",
              "How many containers are in which band.", width=8),
        Panel("Forecasts by grade of their data", "piechart",
              "SELECT data_grade, count(*) AS forecasts FROM forecast_current GROUP BY data_grade ORDER BY data_grade",
              "Doubtful and stale data widen a forecast.", width=8),
        Panel("Mean level by hour", "timeseries",
              "SELECT hourly.bucket AS time, thing.fraction AS metric, avg(hourly.fill_ratio_avg) AS level FROM container_fill_hourly AS hourly "
              "JOIN thing USING (thing_id) WHERE $__timeFilter(hourly.bucket) GROUP BY hourly.bucket, thing.fraction ORDER BY hourly.bucket",
              "One line per fraction.", format="time_series", unit="percentunit", width=12),
        Panel("Emptyings by day", "timeseries",
              "SELECT date_trunc('day', emptied_before) AS time, count(*) AS emptyings, avg(level_before) AS level_before FROM emptying "
              "WHERE $__timeFilter(emptied_before) GROUP BY 1 ORDER BY 1",
              "As seen in the signal, and how full the containers were.", format="time_series", width=12),
        Panel("Pinball loss by day", "timeseries",
              "SELECT target_day::timestamptz AS time, 100 * sum(pinball * cases) / sum(cases) AS forecaster, "
              "100 * sum(usual_rate_pinball * cases) / sum(cases) AS usual_rate, 100 * sum(weekday_pinball * cases) / sum(cases) AS weekday_pattern "
              "FROM forecast_score WHERE $__timeFilter(target_day::timestamptz) GROUP BY target_day ORDER BY target_day",
              "Forecasts whose truth was read that day, in points; lower is better. A baseline under the forecaster is an alert.",
              format="time_series", width=8),
        Panel("What the 80 % interval covered", "timeseries",
              "SELECT target_day::timestamptz AS time, fraction AS metric, sum(coverage * cases) / sum(cases) AS coverage FROM forecast_score "
              "WHERE $__timeFilter(target_day::timestamptz) GROUP BY target_day, fraction ORDER BY target_day",
              "Should be 80 %; outside 75 to 85 % over four weeks is an alert. Ties count half.", format="time_series", unit="percentunit", width=8),
        Panel("Forecasts by what made them", "piechart",
              "SELECT model_grade, count(*) AS forecasts FROM forecast_current GROUP BY model_grade ORDER BY model_grade",
              "full: the fitted model; partial: it lacks a member; stale: not fitted for long; fallback: the container's own past alone.", width=8),
        Panel("Scores of four weeks by fraction and horizon", "table",
              "SELECT fraction, horizon_hours, sum(cases) AS cases, 100 * sum(absolute_error * cases) / sum(cases) AS mae, "
              "100 * sum(pinball * cases) / sum(cases) AS pinball, 100 * sum(usual_rate_pinball * cases) / sum(cases) AS usual_rate, "
              "100 * sum(weekday_pinball * cases) / sum(cases) AS weekday_pattern, 100 * sum(coverage * cases) / sum(cases) AS coverage_percent, "
              "100 * sum(width * cases) / sum(cases) AS width FROM forecast_score WHERE target_day > now() - interval '28 days' "
              "GROUP BY fraction, horizon_hours ORDER BY fraction, horizon_hours",
              "In points (per cent of full), beside what a planner would use instead.", width=12, height=10),
        Panel("Scores of four weeks by district", "table",
              "SELECT district, sum(cases) AS cases, 100 * sum(pinball * cases) / sum(cases) AS pinball, "
              "100 * sum(usual_rate_pinball * cases) / sum(cases) AS usual_rate, 100 * sum(weekday_pinball * cases) / sum(cases) AS weekday_pattern, "
              "100 * sum(coverage * cases) / sum(cases) AS coverage_percent, 100 * sum(width * cases) / sum(cases) AS width "
              "FROM forecast_score WHERE target_day > now() - interval '28 days' GROUP BY district ORDER BY pinball DESC",
              "The same, the district with the largest loss first.", width=12, height=10),
        Panel("Plans beside the fixed schedule", "table",
              "SELECT plan_date, fraction, revision, truck_count, fixed_truck_count, stop_count, fixed_stop_count, distance_m / 1000.0 AS km, "
              "fixed_distance_m / 1000.0 AS fixed_km, cardinality(check_failures) AS check_failures FROM plan AS newest "
              "WHERE revision = (SELECT max(revision) FROM plan WHERE plan.plan_date = newest.plan_date AND plan.district = newest.district "
              "AND plan.fraction = newest.fraction) AND district <> '*shadow' ORDER BY plan_date DESC, fraction LIMIT 50",
              "Both costed on the same roads by the same rules.", width=24),
        Panel("Why is a container on the plan?", "table",
              "SELECT plan_date, container_id, collected, rule, level_now, overflow_probability, reason FROM plan_decision "
              "WHERE district <> '*shadow' ORDER BY plan_date DESC, collected DESC, overflow_probability DESC NULLS LAST LIMIT 100",
              "The newest decisions, most urgent first.", width=24, height=10),
    ),
)  # fmt: skip

IS_IT_WORKING = Board(
    "is-it-working",
    "Is it working",
    (
        Panel("Canary", "stat", "stadspuls_canary_seconds", "Seconds that the newest canary took from MQTT to the API.", source="prometheus",
              unit="s", width=6, height=4),
        Panel("Unaccounted for", "stat",
              "SELECT abs(sum(messages_received - messages_decoded - messages_without_reading - messages_dead_lettered)) "
              "+ abs(sum(readings_decoded - readings_stored - readings_duplicate - readings_rejected)) AS missing FROM ledger",
              "Messages or readings that the ledger cannot account for: must be 0.", width=6, height=4),
        Panel("Lag", "stat", "max(stadspuls_lag_seconds)", "Age of the oldest record that is not handled.", source="prometheus", unit="s", width=6, height=4),
        Panel("Dropped by the MQTT broker", "stat", "stadspuls_mqtt_broker_dropped", "Messages that the broker says it dropped.", source="prometheus",
              width=6, height=4),
        Panel("Messages a second", "timeseries", "sum(rate(stadspuls_mqtt_received_total[1m]))", "Received from MQTT.", source="prometheus", width=12),
        Panel("Readings stored a second", "timeseries", "sum by (kind) (rate(stadspuls_readings_stored_total[1m]))", "Newly stored, by kind.",
              source="prometheus", width=12),
        Panel("From MQTT to the commit", "timeseries",
              "histogram_quantile(0.95, sum by (le) (rate(stadspuls_event_end_to_end_seconds_bucket[5m])))",
              "95 % of readings are stored within this time.", source="prometheus", unit="s", width=12),
        Panel("Batch duration", "timeseries",
              "histogram_quantile(0.95, sum by (le, consumer) (rate(stadspuls_batch_duration_seconds_bucket[5m])))",
              "95 % of batches are durable within this time.", source="prometheus", unit="s", width=12),
        Panel("The ledger", "table",
              "SELECT source, sum(messages_received) AS received, sum(messages_decoded) AS decoded, sum(messages_without_reading) AS without_reading, "
              "sum(messages_dead_lettered) AS dead_lettered, sum(readings_stored) AS stored, sum(readings_duplicate) AS duplicate, "
              "sum(readings_rejected) AS rejected FROM ledger WHERE $__timeFilter(hour) GROUP BY source ORDER BY source",
              "What became of every message, by its source.", width=12),
        Panel("Dead letters", "table",
              "SELECT reason, count(*) AS letters, max(first_seen) AS newest FROM dead_letter GROUP BY reason ORDER BY letters DESC",
              "What could not be stored, by reason. `stadspuls dead-letters list` shows each.", width=12),
    ),
)  # fmt: skip

BOARDS = (CITY_NOW, WASTE, IS_IT_WORKING)


def render(board: Board) -> str:
    """The board as Grafana's JSON."""
    panels: list[dict[str, Any]] = []
    x = y = row_height = 0
    for number, panel in enumerate(board.panels, start=1):
        if x + panel.width > 24:
            x, y, row_height = 0, y + row_height, 0
        panels.append(_panel(number, panel, x, y))
        x, row_height = x + panel.width, max(row_height, panel.height)
    document = {
        "uid": board.uid, "title": board.title, "tags": ["stadspuls"], "timezone": "Europe/Amsterdam", "schemaVersion": 39, "version": 1,
        "refresh": "30s", "time": {"from": "now-7d", "to": "now"}, "editable": False, "panels": panels,
    }  # fmt: skip
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    target: dict[str, Any] = {"refId": "A", "datasource": _DATASOURCES[panel.source]}
    if panel.source == "sql":
        target |= {"rawSql": panel.query, "rawQuery": True, "editorMode": "code", "format": panel.format}
    else:
        target |= {"expr": panel.query, "instant": panel.type == "stat"}
    return {
        "id": number, "title": panel.title, "type": panel.type, "description": panel.description, "datasource": _DATASOURCES[panel.source],
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height}, "targets": [target],
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []}, "options": {},
    }  # fmt: skip


if __name__ == "__main__":
    for item in BOARDS:
        (DASHBOARDS / f"{item.uid}.json").write_text(render(item), encoding="utf-8")
        print(f"wrote {DASHBOARDS / item.uid}.json")
