"""Fill series of the simulated city look like published ones of real containers, faults on."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.faults import EVERY_FAULT, FalseFull, Spikes, Tilt
from simulators.fill_series import FillSeries, simulate_fill
from simulators.series_statistics import DAY_S, PUBLISHED, daily_inflow, days_at_full, downward_share, statistics
from simulators.true_course import TrueCourse, Use
from simulators.waste import TrueEmptying

pytestmark = pytest.mark.lengthy

NEEDS_A_YEAR = {
    ("change of the rate within a year", "all"),
    ("longest gap", "all"),
    ("length of a false plateau at full", "all"),
    ("daily inflow explained by the weekday", "glass"),
}
THAT_SHAPE_LEVELS = ("noise", "spikes", "false_full", "silence")


def table(found: dict[tuple[str, str], float]) -> str:
    return "\n".join(
        f"{'      ' if line.holds(found[line.name, line.of]) else 'WRONG '}{line.name} ({line.of}): {found[line.name, line.of]:.3f}, "
        f"published {line.low:g} to {line.high:g}, tolerance {line.tolerance:g}"
        for line in PUBLISHED
    )


def test_series_match_what_is_published_of_real_containers() -> None:
    faults = {name: EVERY_FAULT[name] for name in THAT_SHAPE_LEVELS}
    found = statistics(simulate_fill(1, faults, containers=60, days=56), Spikes.bit, FalseFull.bit)
    wrong = [line for line in PUBLISHED if (line.name, line.of) not in NEEDS_A_YEAR and not line.holds(found[line.name, line.of])]
    assert not wrong, table(found)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_year_of_series_with_all_faults_matches_in_what_only_a_year_shows() -> None:
    """Rates that drift by a factor of two in a year take the few paper containers' means with them: those are asked of some weeks."""
    found = statistics(simulate_fill(2, EVERY_FAULT, containers=60, days=400), Spikes.bit, FalseFull.bit)
    print(table(found))
    assert all(line.holds(found[line.name, line.of]) for line in PUBLISHED if (line.name, line.of) in NEEDS_A_YEAR), table(found)


def made_by_hand() -> FillSeries:
    """Two points an hour from nothing, emptied at the fiftieth hour, a point back at every sixth reading."""
    hours = np.arange(0.0, 96.0, 2.0)
    levels = 0.02 * (hours % 50)
    levels[5::6] -= 0.05
    times = 20_000 * DAY_S + hours * 3600
    emptied = TrueEmptying("c", round((20_000 * DAY_S + 49 * 3600) * 1e6), 0.98, 0.0)
    nothing = np.zeros(len(hours), np.int64)
    use = Use(np.ones(24) / 24, np.ones(7), 0.01, 0.0, np.full(len(times), 0.24))
    course = TrueCourse(times, levels, levels, times, use)
    return FillSeries(
        "c", "glass", times, levels, levels, nothing, times, np.zeros(len(times)), np.empty(0), 4000.0, (emptied,), course
    )


def test_statistics_of_a_series_made_by_hand() -> None:
    series = made_by_hand()
    _, inflow = daily_inflow(series)
    assert inflow == pytest.approx([0.48, 0.48, 0.48], abs=0.06)
    assert downward_share(series) == pytest.approx(8 / 46, abs=0.03)
    assert days_at_full(series) == 0.0


def test_the_same_seed_gives_the_same_series() -> None:
    one, again, other = (simulate_fill(seed, EVERY_FAULT, containers=10, days=3) for seed in (1, 1, 2))
    assert [item.levels.tolist() for item in one] == [item.levels.tolist() for item in again]
    assert [item.levels.tolist() for item in one] != [item.levels.tolist() for item in other]


def test_a_tilt_is_told_by_devices_that_can_tell_one() -> None:
    """A third of them can, at every reading that it strikes and at no other; of the twelve one was not struck."""
    told, untold = 0, 0
    for item in simulate_fill(3, {Tilt.name: 0.2}, containers=12, days=20):
        struck = item.times[item.faults & Tilt.bit > 0]
        if len(item.tilted):
            assert item.tilted.tolist() == struck.tolist()
            told += 1
        elif len(struck):
            untold += 1
    assert (told, untold) == (4, 7)
