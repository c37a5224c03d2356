"""Two worlds of one container: what was, and what would have been under shadow plans, from the same inflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from models.domain.plan import Route, Visit, VisitKind
from models.domain.shadow import DistrictDay, ShadowVisit
from models.fill_forecast.history import DAY, HOUR, History
from processors.plan.day_scoring import PastDay, score_district
from processors.plan.district_share import driven_by_district
from processors.plan.shadow_world import TwoWorlds, day_span, full_hours, grid, newest_run, two_worlds
from tests.unit.plan.small_city import ZONE

FIRST = date(2026, 11, 2)
BEGIN = day_span(FIRST, ZONE)[0]
PER_DAY = 0.2
EVERY_DAYS = 3


def history(days: int = 40, every_days: int = EVERY_DAYS, name: str = "c-1") -> History:
    """Hourly readings of a container that gains 20 points a day and is emptied at noon of every third day; starts 20 days before."""
    times = np.arange(BEGIN - 20 * DAY, BEGIN + (days - 20) * DAY, HOUR)
    since = (times - (BEGIN - 20 * DAY) - 12.5 * HOUR) % (every_days * DAY)
    return History(name, "residual", times, np.clip(PER_DAY * since / DAY, 0, 1))


def visits(days: Sequence[int], collected: Sequence[int] = ()) -> list[ShadowVisit]:
    """In shadow mode on these days; collected at 09:00 of some."""
    return [
        ShadowVisit(
            plan_date=FIRST + timedelta(days=day),
            container_id="c-1",
            collected_at=datetime.fromtimestamp(BEGIN + day * DAY + 9 * HOUR, UTC) if day in collected else None,
        )
        for day in days
    ]


def overflow_h(worlds: TwoWorlds, day: int) -> float:
    begin, end = day_span(FIRST + timedelta(days=day), ZONE)
    return full_hours(worlds.shadow(grid(begin, end)), end - begin)


def test_a_container_that_nobody_empties_in_the_shadow_world_overflows_there_and_not_here() -> None:
    worlds = two_worlds(history(), visits(range(14)), ZONE)
    begin, end = day_span(FIRST + timedelta(days=10), ZONE)
    assert full_hours(worlds.real(grid(begin, end)), end - begin) == 0
    assert overflow_h(worlds, 10) == pytest.approx(24)
    level = float(worlds.real(np.array([BEGIN]))[0])
    full_after_days = (0.98 - level) / PER_DAY
    found = sum(overflow_h(worlds, day) for day in range(8))
    assert found == pytest.approx((8 - full_after_days) * 24, abs=2.0)


def test_the_shadow_worlds_level_rises_by_what_really_came_in_and_falls_when_its_truck_comes() -> None:
    worlds = two_worlds(history(), visits(range(14), collected=[2]), ZONE)
    before, after, later = (BEGIN + 2 * DAY + hour * HOUR for hour in (8.9, 9.1, 9.1 + 48))
    levels = worlds.shadow(np.array([before, after, later]))
    assert levels[0] > 0.4
    assert levels[1] == pytest.approx(worlds.curve.left.level, abs=0.02)
    assert levels[2] - levels[1] == pytest.approx(2 * PER_DAY, abs=0.04)


def test_on_a_day_without_a_shadow_plan_the_shadow_world_follows_the_real_emptyings() -> None:
    seen = two_worlds(history(), visits([0, 1, 2, 3]), ZONE)
    day = next(day for day in range(4, 8) if ((day + 20) % EVERY_DAYS) == 0)
    assert seen.shadow(np.array([BEGIN + day * DAY + 11 * HOUR]))[0] > 0.5
    assert seen.shadow(np.array([BEGIN + day * DAY + 14 * HOUR]))[0] < 0.1


def test_shadow_mode_begins_anew_after_a_pause() -> None:
    days = visits([0, 1, 2, 12, 13])
    assert [item.plan_date for item in newest_run(days)] == [FIRST + timedelta(days=12), FIRST + timedelta(days=13)]
    worlds = two_worlds(history(), days, ZONE)
    moments = np.array([BEGIN + 12 * DAY, BEGIN + 6 * DAY])
    assert worlds.shadow(moments) == pytest.approx(worlds.real(moments))


def test_a_container_that_falls_silent_is_not_read_all_day() -> None:
    full = history()
    cut = int(np.searchsorted(full.times, BEGIN + 3 * DAY))
    silent = History("c-1", "residual", full.times[:cut], full.levels[:cut])
    assert two_worlds(full, [], ZONE).is_read(BEGIN + 3 * DAY, BEGIN + 4 * DAY)
    assert not two_worlds(silent, [], ZONE).is_read(BEGIN + 3 * DAY, BEGIN + 4 * DAY)


def stop(container: str, arrival_s: int, departure_s: int) -> Visit:
    return Visit(
        kind=VisitKind.STOP, place_id=container, container_ids=(container,), arrival_s=arrival_s, departure_s=departure_s, load_l=0
    )


def tour(*stops: Visit, end_s: int = 40_000, distance_m: int = 10_000) -> Route:
    depot = Visit(kind=VisitKind.DEPOT, place_id="d", arrival_s=30_000, departure_s=30_000, load_l=0)
    home = depot.model_copy(update={"arrival_s": end_s, "departure_s": end_s})
    return Route(truck_id="t", visits=(depot, *stops, home), distance_m=distance_m, duration_s=end_s - 30_000)


def test_a_tours_kilometres_and_hours_are_shared_out_and_add_up() -> None:
    shares = driven_by_district([tour(stop("a", 33_000, 33_100), stop("b", 33_900, 34_000))], {"a": "Haven", "b": "Centrum"})
    assert sum(item.distance_m for item in shares.values()) == pytest.approx(10_000)
    assert sum(item.duration_s for item in shares.values()) == pytest.approx(10_000)
    assert shares["Haven"].duration_s == pytest.approx(3_100 + 3_000)
    assert shares["Centrum"].duration_s == pytest.approx(900 + 3_000)


def scored(day: int, in_shadow: list[ShadowVisit], histories: dict[str, History]) -> DistrictDay:
    past = PastDay(
        day=FIRST + timedelta(days=day),
        zone=ZONE,
        district_of={"c-1": "Haven", "c-2": "Haven"},
        driven=[tour(stop("c-2", 33_000, 33_100))],
        driven_by={"Haven": "fixed_schedule"},
        shadow=[tour(distance_m=0)],
        shadow_districts=frozenset({"Haven"}),
        visits={"c-1": in_shadow},
    )
    return score_district(past, "Haven", histories, datetime.fromtimestamp(BEGIN + 15 * DAY, UTC))


def test_a_day_is_scored_in_both_worlds_and_a_container_without_readings_counts_by_its_tours() -> None:
    found = scored(10, visits(range(14)), {"c-1": history()})
    assert (found.containers, found.counted) == (2, 1)
    assert found.shadow is not None
    assert found.driven.overflow_hours == 0
    assert found.shadow.overflow_hours == pytest.approx(24)
    assert found.driven.emptyings == 1 + (1 if (10 + 20) % EVERY_DAYS == 0 else 0)
    assert found.shadow.emptyings == 0
    assert (found.driven.distance_m, found.shadow.distance_m) == (10_000, 0)


def test_the_fill_at_emptying_is_observed_here_and_estimated_there() -> None:
    emptied_day = next(day for day in range(6, 12) if (day + 20) % EVERY_DAYS == 0)
    found = scored(emptied_day, visits(range(14), collected=[emptied_day]), {"c-1": history()})
    assert found.shadow is not None
    assert found.driven.fill_at_emptying == pytest.approx(PER_DAY * EVERY_DAYS, abs=0.03)
    assert found.shadow.fill_at_emptying == pytest.approx(1.0), "nobody had been there before"


def lived(seed: int, days: int = 28) -> tuple[TwoWorlds, np.ndarray, np.ndarray]:
    """A container with random inflow and noisy readings, emptied by the real trucks every third day and by those of the shadow plan every fifth; and
    how full the shadow world truly was, with the moments."""
    random = np.random.default_rng(seed)
    rate = random.uniform(0.12, 0.28)
    times = np.arange(BEGIN - 20 * DAY, BEGIN + days * DAY, HOUR)
    inflow = random.gamma(0.25, rate / 24 / 0.25, len(times))
    offset = int(random.integers(0, 3))
    real, shadow, level, other = [], [], 0.3, 0.3
    for step, moment in enumerate(times):
        day, hour = int((moment - BEGIN) // DAY), int((moment - BEGIN) % DAY // HOUR)
        real_comes = hour == 10 and (day + offset) % 3 == 0
        shadow_comes = hour == 10 and (day + offset) % 5 == 0 if moment >= BEGIN else real_comes
        level, other = (0.02 if real_comes else level), (0.02 if shadow_comes else other)
        level, other = level + inflow[step], other + inflow[step]
        real.append(level)
        shadow.append(other)
    read = np.clip(np.array(real) + random.normal(0, 0.01, len(times)), 0, 1)
    collected = [day for day in range(days) if (day + offset) % 5 == 0]
    seen = [
        replace(item, collected_at=item.collected_at and item.collected_at + timedelta(hours=1))
        for item in visits(range(days), collected)
    ]
    return two_worlds(History("c-1", "residual", times, read), seen, ZONE), np.array(shadow), times


def test_the_estimated_shadow_world_is_what_it_would_truly_have_been() -> None:
    errors, estimated_h, true_h = [], 0.0, 0.0
    for seed in range(40):
        worlds, truth, times = lived(seed)
        inside = (times >= BEGIN + 2 * DAY) & (times < BEGIN + 27 * DAY)
        estimate = worlds.shadow(times[inside] + 1.0)
        errors += np.abs(np.clip(estimate, 0, 1) - np.clip(truth[inside], 0, 1)).tolist()
        estimated_h += float((estimate >= 0.98).sum())
        true_h += float((truth[inside] >= 0.98).sum())
    print(f"mean error {np.mean(errors):.4f}, overflow {estimated_h:.0f} h estimated, {true_h:.0f} h true")
    assert true_h > 500
    assert np.mean(errors) < 0.03
    assert estimated_h == pytest.approx(true_h, rel=0.1)
