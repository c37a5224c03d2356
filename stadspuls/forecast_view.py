"""A forecast as a person reads it in a terminal: one line per container, and for one container a small picture of its fan.

Pure functions of an `InflowForecast`; times are printed in the city's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.forecast import InflowForecast
from models.fill_forecast.overlay import TimeToLevel, level_quantiles, overflow_probability, time_to_level

_PROBABILITIES = (0.1, 0.5, 0.9)
_PICTURE_ROWS = 10
_PICTURE_HOURS_PER_COLUMN = 3


@dataclass(frozen=True, slots=True)
class ForecastView:
    """The figures that are printed. Levels are ratios; `None` in times means beyond the horizon."""

    forecast: InflowForecast
    to_80: TimeToLevel
    to_full: TimeToLevel
    overflow_within_day: float
    overflow_within_week: float


def view_of(forecast: InflowForecast) -> ForecastView:
    """Figures without any future collection."""
    week = min(168, forecast.horizon_hours[-1])
    return ForecastView(
        forecast,
        time_to_level(forecast, 0.8, probabilities=_PROBABILITIES),
        time_to_level(forecast, 1.0, probabilities=_PROBABILITIES),
        overflow_probability(forecast, forecast.cutoff + timedelta(hours=24)),
        overflow_probability(forecast, forecast.cutoff + timedelta(hours=week)),
    )


def as_json(view: ForecastView) -> dict[str, object]:
    """The view as plain data, times as ISO 8601 in UTC."""

    def times(reached: TimeToLevel) -> dict[str, str | None]:
        return {f"p{100 * p:.0f}": at.isoformat() if at else None for p, at in zip(reached.probabilities, reached.at, strict=True)}

    return {
        **view.forecast.model_dump(mode="json"),
        "time_to_80_percent": times(view.to_80),
        "time_to_full": times(view.to_full),
        "overflow_probability_24h": round(view.overflow_within_day, 4),
        "overflow_probability_7d": round(view.overflow_within_week, 4),
    }


HEADINGS = ("container", "level", "measured", "80 % full (1 in 10 … 9 in 10)", "full", "P(full in 7 d)", "data")


def as_row(view: ForecastView, zone: ZoneInfo) -> tuple[str, ...]:
    """One line of the table, in the order of HEADINGS."""
    forecast = view.forecast
    return (
        forecast.container_id,
        f"{100 * forecast.level_at_cutoff:.0f} %",
        _clock(forecast.level_observed_at, zone),
        _span(view.to_80, zone),
        _moment(view.to_full.by(0.5), zone),
        f"{100 * view.overflow_within_week:.0f} %",
        forecast.data_grade,
    )


def as_text(view: ForecastView, zone: ZoneInfo) -> str:
    """Everything about one container: sentence, figures, picture."""
    forecast = view.forecast
    lines = [
        f"{forecast.container_id}: {forecast.basis}",
        f"  level now      {100 * forecast.level_at_cutoff:.0f} %, measured {_clock(forecast.level_observed_at, zone)}",
        f"  80 % full      {_span(view.to_80, zone)}",
        f"  full           {_span(view.to_full, zone)}",
        f"  overflows      {100 * view.overflow_within_day:.0f} % within a day, {100 * view.overflow_within_week:.0f} % within a week",
        f"  data           {forecast.data_grade}; {forecast.forecaster} {forecast.forecaster_version}, cutoff {_clock(forecast.cutoff, zone)}",
        "",
        *picture(forecast, zone),
    ]
    return "\n".join(lines)


def picture(forecast: InflowForecast, zone: ZoneInfo) -> list[str]:
    """The fan as characters: █ up to the median, ▒ up to where nine in ten stay below, · down to where one in ten does."""
    hours = np.arange(0, min(168, forecast.horizon_hours[-1]) + 1, _PICTURE_HOURS_PER_COLUMN)
    moments = [forecast.cutoff + timedelta(hours=int(hour)) for hour in hours]
    levels = level_quantiles(forecast, at=moments).levels
    low, middle, high = (np.array([np.interp(q, forecast.quantiles, column) for column in levels.T]) for q in _PROBABILITIES)
    lines = []
    for row in range(_PICTURE_ROWS, 0, -1):
        edge = (row - 0.5) / _PICTURE_ROWS
        signs = np.where(low >= edge, "█", np.where(middle >= edge, "▓", np.where(high >= edge, "░", " ")))
        label = f"{100 * row // _PICTURE_ROWS:>4} % "
        lines.append(label + "".join(signs.tolist()))
    lines.append("       " + _day_marks(moments, zone))
    lines.append("       █ nine in ten reach it, ▓ one in two, ░ one in ten; without collections to come")
    return lines


def _day_marks(moments: list[datetime], zone: ZoneInfo) -> str:
    """Weekdays under the columns in which they begin."""
    marks = [" "] * len(moments)
    for index in range(1, len(moments)):
        day = moments[index].astimezone(zone)
        if day.date() != moments[index - 1].astimezone(zone).date():
            for offset, sign in enumerate(f"{day:%a}"):
                if index + offset < len(marks):
                    marks[index + offset] = sign
    return "".join(marks).rstrip()


def _span(reached: TimeToLevel, zone: ZoneInfo) -> str:
    early, middle, late = (reached.by(p) for p in _PROBABILITIES)
    if early is None:
        return "not within the horizon"
    return f"{_moment(middle, zone)} ({_moment(early, zone)} … {_moment(late, zone)})"


def _moment(moment: datetime | None, zone: ZoneInfo) -> str:
    return "later" if moment is None else _clock(moment, zone)


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%a %d %b %H:%M}"
