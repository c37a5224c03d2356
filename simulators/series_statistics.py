"""What fill series look like, in figures, beside what is published of real ones.

The table `PUBLISHED` is all that the project knows of real series (30 public containers read every two to three hours for three years,
glass and metal as slow, paper as fast); a test holds the simulated city to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulators.batch import Bools, Floats
from simulators.fill_series import FillSeries
from simulators.sensor_simulator import HOUR_S

DAY_S = 24 * HOUR_S
FULL = 0.98


@dataclass(frozen=True, slots=True)
class Published:
    """A figure as published, from `low` to `high`, and how far outside a simulated city may lie. `of` is the fraction it is of."""

    name: str
    of: str
    low: float
    high: float
    tolerance: float
    unit: str

    def holds(self, value: float) -> bool:
        return self.low - self.tolerance <= value <= self.high + self.tolerance


PUBLISHED: tuple[Published, ...] = (
    Published("points a day", "glass", 2.0, 3.0, 0.3, "points"),
    Published("points a day", "paper", 44.0, 44.0, 5.0, "points"),
    Published("lag-1 autocorrelation of daily inflow", "glass", -0.3, -0.2, 0.07, ""),
    Published("level changes that go down without an emptying", "glass", 0.25, 0.48, 0.02, "share"),
    Published("days at full", "paper", 0.2, 0.2, 0.06, "share"),
    Published("days between emptyings", "paper", 2.0, 2.0, 0.5, "days"),
    Published("daily inflow explained by the weekday", "paper", 0.36, 0.36, 0.1, "share"),
    Published("daily inflow explained by the weekday", "glass", 0.0, 0.02, 0.02, "share"),
    Published("single-reading spikes", "all", 0.0, 0.027, 0.0, "share"),
    Published("length of a false plateau at full", "all", 1.0, 7.0, 0.5, "days"),
    Published("longest gap", "all", 7.0, 42.0, 7.0, "days"),
    Published("change of the rate within a year", "all", 2.0, 2.0, 0.6, "factor"),
)
"""Sources: the project's notes on public fill data. "Several days", "weeks" and "up to 2.7 %" are given there in words; the bounds are ours."""


def statistics(series: Sequence[FillSeries], spike_bit: int, plateau_bit: int) -> dict[tuple[str, str], float]:
    """(name, fraction) → value, for every line of `PUBLISHED`. The fault bits say which readings are spikes and false plateaus: in published
    series somebody looked."""
    found: dict[tuple[str, str], float] = {}
    for fraction in ("glass", "paper"):
        chosen = [item for item in series if item.fraction == fraction]
        inflows = [daily_inflow(item) for item in chosen]
        found["points a day", fraction] = 100 * _mean([float(np.nanmean(values)) for _, values in inflows])
        found["lag-1 autocorrelation of daily inflow", fraction] = _mean([_lag_one(values) for _, values in inflows])
        found["level changes that go down without an emptying", fraction] = _mean([downward_share(item) for item in chosen])
        found["days at full", fraction] = _mean([days_at_full(item) for item in chosen])
        found["days between emptyings", fraction] = _mean([float(np.diff(item.emptied).mean()) / DAY_S for item in chosen])
        found["daily inflow explained by the weekday", fraction] = _mean([_weekday_share(*inflow) for inflow in inflows])
    readings = sum(len(item.times) for item in series)
    found["single-reading spikes", "all"] = sum(int((item.faults & spike_bit > 0).sum()) for item in series) / readings
    found["length of a false plateau at full", "all"] = _mean([days for item in series for days in _runs(item, plateau_bit)])
    found["longest gap", "all"] = max(float(np.diff(item.times).max()) for item in series) / DAY_S
    found["change of the rate within a year", "all"] = yearly_change(series)
    return found


def daily_inflow(series: FillSeries) -> tuple[Floats, Floats]:
    """(day numbers, what came in from each midnight to the next): the sawtooth opened up, each emptying's fall between two readings added
    again, and then the difference of what was read last before each midnight. NaN where that is older than a quarter of a day."""
    step = np.diff(series.levels)
    emptied = np.histogram(series.emptied, series.times)[0] > 0
    opened = series.levels + np.concatenate([[0.0], np.cumsum(np.where(emptied, -step, 0.0))])
    first, last = np.ceil(series.times[0] / DAY_S), np.floor(series.times[-1] / DAY_S)
    midnights = np.arange(first, last + 1) * DAY_S
    place = np.searchsorted(series.times, midnights, side="right") - 1
    level = np.where(midnights - series.times[place] < DAY_S / 4, opened[place], np.nan)
    return midnights[:-1] // DAY_S, np.diff(level)


def downward_share(series: FillSeries) -> float:
    """Of all changes of the level, in whole points, those that go down without an emptying."""
    step = np.diff(np.round(series.levels, 2))
    emptied = np.histogram(series.emptied, series.times)[0] > 0
    changes = (step != 0) & ~emptied
    return float((step[changes] < 0).mean())


def days_at_full(series: FillSeries) -> float:
    """Of the days with readings, those with one at full."""
    days = (series.times // DAY_S).astype(np.int64)
    full = np.unique(days[series.levels >= FULL])
    return len(full) / len(np.unique(days))


def yearly_change(series: Sequence[FillSeries]) -> float:
    """By what factor a rate typically differs from itself a year before, up or down: the root mean square of the change of the logarithm over
    what lies between the first and the last two months, brought to a year as for a random walk. NaN for series of less than five
    months."""
    changes = []
    for item in series:
        days, inflow = daily_inflow(item)
        if days[-1] - days[0] < 150:
            return float("nan")
        early, late = inflow[days < days[0] + 60], inflow[days >= days[-1] - 60]
        if min((~np.isnan(early)).sum(), (~np.isnan(late)).sum()) >= 10:
            before, after = float(np.nanmean(early)), float(np.nanmean(late))
            if min(before, after) > 0:
                changes.append(np.log(after / before) / np.sqrt((days[-1] - days[0] - 60) / 365))
    return float(np.exp(np.sqrt(np.mean(np.square(changes)))))


def _lag_one(values: Floats) -> float:
    both: Bools = ~np.isnan(values[1:]) & ~np.isnan(values[:-1])
    centred = values - np.nanmean(values)
    return float((centred[1:][both] * centred[:-1][both]).mean() / np.nanvar(values))


def _weekday_share(days: Floats, inflow: Floats) -> float:
    """R² of the weekday's means, less what chance would explain."""
    known = ~np.isnan(inflow)
    days, inflow = days[known], inflow[known]
    weekday = days.astype(np.int64) % 7
    means = np.array([inflow[weekday == number].mean() if (weekday == number).any() else 0.0 for number in range(7)])
    explained = 1 - float(np.var(inflow - means[weekday]) / np.var(inflow))
    return 1 - (1 - explained) * (len(inflow) - 1) / (len(inflow) - 7)


def _runs(series: FillSeries, bit: int) -> list[float]:
    """Lengths in days of stretches of readings struck by a fault."""
    struck = np.concatenate([[False], series.faults & bit > 0, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(struck))
    return [float(series.times[end - 1] - series.times[start]) / DAY_S for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
