"""The other sensors behave as their city: rush hours, bridges that open by day and in summer, grids that feed back at noon."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from simulators.bridges import BridgeSimulator
from simulators.city_map import build_city_map
from simulators.sensor_simulator import HOUR_S, CitySizes, SimulationSpan
from simulators.traffic import TrafficSimulator
from simulators.transformers import TransformerSimulator

SIZES = CitySizes()


def span(year: int, month: int, day: int) -> SimulationSpan:
    return SimulationSpan(int(datetime(year, month, day, tzinfo=UTC).timestamp()))


@pytest.mark.lengthy
def test_traffic_has_rush_hours_on_workdays_only() -> None:
    traffic = TrafficSimulator(build_city_map(1), SIZES, span(2026, 6, 15), 1)

    def flow(day: int, hour_utc: int) -> float:
        start_s = int(datetime(2026, 6, day, hour_utc, tzinfo=UTC).timestamp())
        return float(traffic.hour(start_s).values["flow_per_h"].mean())

    monday, sunday = 8, 7
    assert flow(monday, 6) > 2.5 * flow(sunday, 6)  # 8 in Amsterdam
    assert flow(monday, 6) > 5 * flow(monday, 1)
    assert flow(monday, 15) > 1.3 * flow(monday, 10)


def test_vehicles_are_slower_where_the_road_is_full() -> None:
    traffic = TrafficSimulator(build_city_map(1), SIZES, span(2026, 6, 15), 1)
    hours = [traffic.hour(int(datetime(2026, 6, 8, hour, tzinfo=UTC).timestamp())) for hour in range(24)]
    flow = np.array([batch.values["flow_per_h"] for batch in hours])
    speed = np.array([batch.values["speed_km_h"] for batch in hours])
    busiest = int(flow.max(axis=0).argmax())
    assert np.corrcoef(flow[:, busiest], speed[:, busiest])[0, 1] < -0.3


def closed_minutes(month: int, days: int = 5) -> tuple[float, set[int]]:
    bridges = BridgeSimulator(build_city_map(1), SIZES, span(2026, month, 20), 1)
    total, hours = 0.0, set()
    begin = int(datetime(2026, month, 10, tzinfo=UTC).timestamp())
    for hour in range(24 * days):
        closed = bridges.hour(begin + hour * HOUR_S).values["road_closed"].sum()
        total += closed
        if closed:
            hours.add(hour % 24)
    return total, hours


def test_bridges_open_by_day_and_mostly_in_summer() -> None:
    summer, hours = closed_minutes(7)
    winter, _ = closed_minutes(1)
    assert summer > 4 * winter > 0
    assert min(hours) >= 5
    assert max(hours) <= 17  # 8 to 19 in Amsterdam


def test_strain_follows_temperature() -> None:
    bridges = BridgeSimulator(build_city_map(1), SIZES, span(2026, 7, 20), 1)
    begin = int(datetime(2026, 7, 10, tzinfo=UTC).timestamp())
    batches = [bridges.hour(begin + hour * HOUR_S) for hour in range(48)]
    of_first = [(batch.values["temperature_c"][0], batch.values["strain_um_m"][0]) for batch in batches]
    assert np.corrcoef(np.array(of_first).T)[0, 1] > 0.8


def test_transformers_peak_in_the_evening_and_roofs_feed_back_at_noon_in_june() -> None:
    transformers = TransformerSimulator(build_city_map(1), SIZES, span(2026, 6, 30), 1)

    def power(hour_utc: int) -> float:
        starts = [int(datetime(2026, 6, day, hour_utc, tzinfo=UTC).timestamp()) for day in range(15, 25)]
        return float(np.mean([transformers.hour(start).values["active_power_kw"].mean() for start in starts]))

    assert power(17) > 2 * power(2) > 0
    assert power(11) < power(2)
