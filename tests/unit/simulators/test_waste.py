"""Containers fill and are emptied as in a city whose planner looks at no levels: decent service, trucks that come half for nothing."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from models.domain.registry import FixedCollection
from simulators.city_map import build_city_map
from simulators.fleet import is_due, make_fleet
from simulators.sensor_simulator import HOUR_S, CitySizes, SimulationSpan
from simulators.waste import WasteSimulator
from tests.unit.simulators.small_city import NOW


@pytest.fixture(scope="module")
def weeks() -> tuple[WasteSimulator, np.ndarray, np.ndarray]:
    """Four weeks of 600 containers: the simulator, true fill ratios and distances, (hours, containers)."""
    sizes = CitySizes(container_days=28)
    waste = WasteSimulator(build_city_map(1), sizes, SimulationSpan(int(NOW.timestamp()) // HOUR_S * HOUR_S), 1)
    fills, distances = [], []
    for hour in range((28 + 15) * 24):
        batch = waste.hour(waste.warm_up_from_s + hour * HOUR_S)
        if hour >= 15 * 24:
            fills.append(batch.truth)
            distances.append(batch.values["distance_mm"])
    return waste, np.array(fills), np.array(distances)


def test_containers_are_emptied_about_half_full_and_are_seldom_full(weeks: tuple[WasteSimulator, np.ndarray, np.ndarray]) -> None:
    waste, fills, _ = weeks
    since = waste.history_from_s * 1_000_000
    before = np.array([item.fill_before for item in waste.emptyings if item.emptied_at_us >= since])
    assert 0.45 <= before.mean() <= 0.62
    assert (fills >= 0.98).mean() < 0.02
    assert (before >= 0.98).mean() < 0.08
    assert before.std() > 0.12


def test_levels_fall_only_where_a_container_is_emptied(weeks: tuple[WasteSimulator, np.ndarray, np.ndarray]) -> None:
    waste, fills, _ = weeks
    falls = (np.diff(fills, axis=0) < -1e-9).sum(axis=0)
    since = waste.history_from_s * 1_000_000
    emptied = np.zeros(len(waste.containers), int)
    number = {thing.thing_id: place for place, thing in enumerate(waste.things)}
    for item in waste.emptyings:
        emptied[number[item.container_id]] += item.emptied_at_us >= since
    assert (falls <= emptied).all()
    assert falls.sum() > 0.95 * emptied.sum()


def test_distances_follow_the_level_and_the_registered_geometry(weeks: tuple[WasteSimulator, np.ndarray, np.ndarray]) -> None:
    waste, fills, distances = weeks
    for place in range(0, 600, 37):
        ratios = np.array([waste.geometries[place].fill_ratio(value) for value in distances[:, place]])
        assert np.abs(ratios - fills[:, place]).mean() < 0.01


def test_days_are_busy_and_nights_are_quiet(weeks: tuple[WasteSimulator, np.ndarray, np.ndarray]) -> None:
    _, fills, _ = weeks
    gains = np.maximum(np.diff(fills, axis=0), 0).mean(axis=1).reshape(-1)
    hour_of_step = (np.arange(len(gains)) + 1 + NOW.hour) % 24  # UTC; the history begins at a whole hour of `NOW`
    day = gains[np.isin(hour_of_step, (9, 12, 15, 17))].mean()
    night = gains[np.isin(hour_of_step, (1, 2, 3))].mean()
    assert day > 5 * night


def test_fractions_and_devices_are_shared_out_as_asked() -> None:
    waste = WasteSimulator(build_city_map(1), CitySizes(), SimulationSpan(int(NOW.timestamp())), 1)
    assert len(waste.containers) == 600
    models = [container.device_model for container in waste.containers]
    assert {model: models.count(model) for model in models} == {
        "stadspuls_json": 200, "milesight_em310_udl": 200, "decentlab_dl_mbx": 200,
    }  # fmt: skip
    assert {container.fraction for container in waste.containers} == {"residual", "paper", "glass", "plastic", "organic"}
    sites = [container.site.site_id for container in waste.containers]
    assert 100 < len(set(sites)) < 300


def test_the_fixed_schedule_covers_each_container_with_a_truck_that_may(
    weeks: tuple[WasteSimulator, np.ndarray, np.ndarray],
) -> None:
    waste = weeks[0]
    fleet = make_fleet()
    fractions = {truck.truck_id: truck.fractions for truck in fleet.trucks}
    assert [line.container_id for line in waste.schedule] == [thing.thing_id for thing in waste.things]
    for line, container in zip(waste.schedule, waste.containers, strict=True):
        assert container.fraction in fractions[line.truck_id]
    places = [(line.truck_id, line.tour_position) for line in waste.schedule]
    assert len(set(places)) == len(places)


def test_a_market_a_lane_and_a_law_limit_collections(weeks: tuple[WasteSimulator, np.ndarray, np.ndarray]) -> None:
    waste = weeks[0]
    market = {container.site.site_id for container in waste.containers if container.thing.windows is not None}
    assert len(market) == 1
    at_the_market = [container.thing for container in waste.containers if container.site.site_id in market]
    assert {thing.windows for thing in at_the_market} == {((25_200, 39_600),)}
    (lane,) = [thing for thing in waste.things if thing.max_truck_width_mm is not None]
    by_law = {thing.thing_id for thing in waste.things if thing.max_interval_days == 14}
    assert by_law == {thing.thing_id for thing in waste.things if thing.fraction == "organic"}
    trucks = {truck.truck_id: truck for truck in make_fleet().trucks}
    (line,) = [line for line in waste.schedule if line.container_id == lane.thing_id]
    assert (trucks[line.truck_id].width_mm or 0) <= (lane.max_truck_width_mm or 0), "today's truck fits"
    assert any((truck.width_mm or 0) > (lane.max_truck_width_mm or 0) for truck in trucks.values() if "organic" in truck.fractions)


def test_weeks_of_the_schedule_count_from_the_first_iso_week_of_2024() -> None:
    line = FixedCollection(container_id="c", truck_id="t", weekdays=(0,), every_weeks=2, week_offset=1)
    assert not is_due(line, date(2024, 1, 1))
    assert is_due(line, date(2024, 1, 8))
    assert not is_due(line, date(2024, 1, 9))
    due = [day for offset in range(56) if is_due(line, day := date(2026, 11, 2) + timedelta(days=offset))]
    assert len(due) == 4
    assert {(later - earlier).days for earlier, later in pairwise(due)} == {14}
