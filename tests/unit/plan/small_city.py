"""A small made-up city for planner tests: containers in a row, one depot, one disposal site, trucks, and forecasts by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.domain.forecast import InflowForecast
from models.domain.registry import Depot, DisposalSite, FixedCollection, Thing, Truck
from processors.plan.day import CityInputs

ZONE = ZoneInfo("Europe/Amsterdam")
MONDAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
HOURS = tuple(range(6, 169, 6))
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def container(number: int, **changes: Any) -> Thing:
    fields: dict[str, Any] = {
        "thing_id": f"c-{number:04d}", "thing_type": "container", "name": f"container {number}", "latitude": 52.35 + number * 0.003,
        "longitude": 5.2, "fraction": "residual", "capacity_l": 4000, "service_duration_s": 120, "simulated": True,
    }  # fmt: skip
    return Thing(**(fields | changes))


def forecast(container_id: str, level: float, per_day: float, **changes: Any) -> InflowForecast:
    """A forecast that rises by `per_day` a day, give or take a fifth."""
    rows = tuple(tuple(per_day * hour / 24 * (1 + spread) for hour in HOURS) for spread in (-0.2, -0.1, 0.0, 0.1, 0.2))
    fields: dict[str, Any] = {
        "container_id": container_id, "forecaster": "test", "forecaster_version": "1", "cutoff": NOW, "known_at": NOW,
        "level_at_cutoff": level, "level_observed_at": NOW, "quantiles": QUANTILES, "horizon_hours": HOURS,
        "inflow_quantiles": rows, "data_grade": "good", "basis": "made by hand",
    }  # fmt: skip
    return InflowForecast(**(fields | changes))


def truck(number: int = 1, **changes: Any) -> Truck:
    fields: dict[str, Any] = {
        "truck_id": f"truck-{number}", "depot_id": "depot-1", "fractions": ("residual",), "capacity_l": 20_000, "cost_per_km": 1.6,
        "cost_per_h": 60.0,
    }  # fmt: skip
    return Truck(**(fields | changes))


def line(container_id: str, truck_id: str = "truck-1", **changes: Any) -> FixedCollection:
    fields: dict[str, Any] = {"container_id": container_id, "truck_id": truck_id, "weekdays": (0,)}
    return FixedCollection(**(fields | changes))


def city(levels: Mapping[int, tuple[float, float] | None], **changes: Any) -> CityInputs:
    """`levels`: number → (level now, rise per day), or None for no forecast. The fixed schedule collects all on Mondays."""
    containers = tuple(container(number) for number in levels)
    forecasts = {
        item.thing_id: forecast(item.thing_id, *found) for item, found in zip(containers, levels.values(), strict=True) if found
    }
    fields: dict[str, Any] = {
        "containers": containers,
        "forecasts": forecasts,
        "depots": (Depot(depot_id="depot-1", name="depot", latitude=52.34, longitude=5.2),),
        "disposal_sites": (DisposalSite(disposal_site_id="tip-1", name="tip", latitude=52.34, longitude=5.21),),
        "trucks": (truck(),),
        "fixed_lines": tuple(line(item.thing_id, tour_position=index) for index, item in enumerate(containers)),
    }
    return CityInputs(**(fields | changes))
