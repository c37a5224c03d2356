"""What a forecast rests on, gathered as data and told as sentences: the last good reading, rates now and usual, the weekday's part.

`explained` joins it with what is known only where a forecast is shown: the planned collection, and the reader's time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import numpy as np

from models.domain.forecast import FALLBACK, FULL_MODEL, STALE_MODEL, ForecastEvidence, InflowForecast
from models.fill_forecast.deposit_volume import USUAL_CAPACITY_L
from models.fill_forecast.explain import EMPTIED_UNREAD, REPORTED, doubts_at
from models.fill_forecast.fusion import fused
from models.fill_forecast.history import DAY, HOUR, FloatArray, History, IntArray, moment
from models.fill_forecast.inflow import InflowCurve, hourly, inflow_curve
from models.fill_forecast.week_profile import hour_of_week

_NOW_DAYS = 7.0
_USUAL_DAYS = 90.0
_WEEKDAY_DAYS = 56.0
_NOTABLE = 0.15
_LEAST_SHOWN = 0.0005
"""Half of the last digit of a rate as it is told."""
_HOLIDAYS_AHEAD = 7
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SUNDAY = 6


def evidence_of(seen: History, cutoff: float) -> ForecastEvidence:
    """Of a history with at least one reading, cut at what is seen at the cutoff. `members` stays empty: the forecaster fills it."""
    seen = fused(seen)
    curve = inflow_curve(seen)
    hours, values = hourly(curve, days=_USUAL_DAYS, end=cutoff)
    daily = np.diff(values[::-1][::24][::-1])
    daily = daily[~np.isnan(daily)]
    usual = max(0.0, float(np.median(daily))) if len(daily) >= 7 else max(0.0, curve.rate_per_day)
    recent = curve.times > cutoff - _NOW_DAYS * DAY
    lately = seen.times > cutoff - _NOW_DAYS * DAY
    emptied = curve.emptied_at()
    # What deposits carry on is no reading.
    read_at = float(curve.times[-1]) if curve.fusion is None else curve.fusion.read_at
    return ForecastEvidence(
        last_good_level=float(curve.levels[np.searchsorted(curve.times, read_at)]),
        last_good_at=moment(read_at),
        rate_now_per_day=_rate(curve, recent, usual),
        rate_usual_per_day=usual,
        weekday_rates=tuple(_weekday_rates(hours, values, cutoff, usual, seen.holidays).tolist()),
        emptied_at=None if emptied is None else moment(emptied),
        suspect_share=float(curve.suspects[lately].mean()) if bool(lately.any()) else 0.0,
        days_of_data=curve.days_of_data,
        members={},
        doubts=doubts_at(curve, cutoff),
        holidays=_coming(seen.holidays, cutoff),
        **_deposits(seen),
    )


def _coming(holidays: IntArray, cutoff: float) -> tuple[date, ...]:
    today = int(cutoff // DAY)
    return tuple(moment(day * DAY).date() for day in holidays[(holidays >= today) & (holidays <= today + _HOLIDAYS_AHEAD)].tolist())


def _deposits(seen: History) -> dict[str, Any]:
    """What deposits had to say, as fields of the evidence."""
    found = seen.fused
    if found is None:
        return {}
    return {
        "deposits_since_emptying": round(found.by_deposits),
        "litres_per_deposit": found.volume.share * (seen.capacity_l or USUAL_CAPACITY_L),
        "level_is_read": found.level_is_read,
    }


def weekday_inflow(rates: Sequence[float], begin: float, end: float) -> float:
    """What flows in between two moments (seconds) at the rates of the weekdays, Monday first, UTC days."""
    days = np.floor(begin / DAY) + np.arange(int(end // DAY) - int(begin // DAY) + 1)
    edges = np.clip(np.append(days, days[-1] + 1) * DAY, begin, end)
    parts: FloatArray = np.diff(edges) / DAY * np.array(rates)[((days + 3) % 7).astype(np.int64)]
    return float(parts.sum())


def coming_holidays(forecast: InflowForecast, zone: tzinfo = UTC) -> tuple[date, ...]:
    """Public holidays of the week to come, from the day of the cutoff on as `zone` counts days."""
    today = forecast.cutoff.astimezone(zone).date()
    return tuple(day for day in forecast.evidence.holidays if day >= today) if forecast.evidence else ()


def explained(forecast: InflowForecast, planned: datetime | None, zone: tzinfo = UTC, *, given: Sequence[datetime] = ()) -> str:
    """One sentence on what a forecast rests on, for a person with the clock and the calendar of `zone`: whose plan has a collection at `planned`, and
    who laid those of `given` over the forecast beside."""
    found = forecast.evidence
    if found is None:
        return forecast.basis
    today, holidays = forecast.cutoff.astimezone(zone).date(), coming_holidays(forecast, zone)
    parts = [_level(found, forecast)]
    if found.days_of_data:
        day = _day(found, today, is_holiday=today in holidays)
        parts += [_rates(found), day]
        holidays = tuple(item for item in holidays if item > today or not day)
    else:
        parts.append("readings do not tell what comes in")
    parts.append(_holidays(holidays))
    parts = [part for part in parts if part]
    parts.append(f"collection planned {_clock(planned, zone)}" if planned else "no collection planned")
    if given:
        collections = "a collection" if len(given) == 1 else "collections"
        parts.append(f"with {collections} given for {' and '.join(_clock(moment, zone) for moment in given)}")
    doubts = [*found.doubts, *([f"{100 * found.suspect_share:.0f} % suspect"] if found.suspect_share > 0.05 else [])]
    parts.append(f"data {forecast.data_grade}" + (f" ({', '.join(doubts)})" if doubts else ""))
    parts.append(_told_by(forecast.model_grade, found))
    return "; ".join(parts) + "."


def _rate(curve: InflowCurve, recent: object, usual: float) -> float:
    chosen = np.flatnonzero(np.asarray(recent))
    if len(chosen) < 2 or curve.times[chosen[-1]] - curve.times[chosen[0]] < DAY / 2:
        return usual
    seconds = curve.times[chosen[-1]] - curve.times[chosen[0]]
    return max(0.0, float((curve.cumulative[chosen[-1]] - curve.cumulative[chosen[0]]) / seconds * DAY))


def _weekday_rates(hours: FloatArray, values: FloatArray, cutoff: float, usual: float, holidays: IntArray) -> FloatArray:
    """Mean daily inflow of each weekday of eight weeks, drawn towards the usual rate by one day's worth."""
    recent = hours * HOUR > cutoff - _WEEKDAY_DAYS * DAY
    increments = np.diff(values[recent])
    known = ~np.isnan(increments)
    if known.sum() < 14 * 24:
        return np.full(7, usual)
    # From Thursday on to from Monday on.
    groups = (hour_of_week(hours[recent][:-1][known].astype(np.int64), holidays) // 24 + 3) % 7
    sums, sizes = np.bincount(groups, increments[known], 7), np.bincount(groups, minlength=7)
    rates: FloatArray = np.maximum(0.0, (sums + usual) / (sizes + 24) * 24)
    return rates


def _level(found: ForecastEvidence, forecast: InflowForecast) -> str:
    cutoff = forecast.cutoff
    ago = _ago((cutoff - found.last_good_at).total_seconds())
    counted = ""
    if found.deposits_since_emptying is not None and found.litres_per_deposit is not None:
        since = "since the emptying" if found.emptied_at else "since counting began"
        counted = f"from {found.deposits_since_emptying} deposits {since} at about {found.litres_per_deposit:.0f} l"
    if not found.level_is_read:
        return f"Level {100 * found.last_good_level:.0f} % {counted}, the last counted {ago}"
    now = f"now {100 * forecast.level_at_cutoff:.0f} %"
    told = f"Last good reading {100 * found.last_good_level:.0f} % {ago}" + (f", {now} {counted}" if counted else "")
    if found.emptied_at is not None and (found.emptied_unread or not found.days_of_data):
        known = EMPTIED_UNREAD if found.emptied_unread else f"{REPORTED}, {now}"
        told += f"; emptied {_ago((cutoff - found.emptied_at).total_seconds())} {known}"
    return told


def _rates(found: ForecastEvidence) -> str:
    now, usual = found.rate_now_per_day, found.rate_usual_per_day
    told = f"{100 * now:.1f} points a day lately"
    if abs(now - usual) >= max(_NOTABLE * usual, _LEAST_SHOWN):
        return f"{told}, {'more' if now > usual else 'less'} than its usual {100 * usual:.1f}"
    return f"{told}, as usual"


def _day(found: ForecastEvidence, today: date, *, is_holiday: bool) -> str:
    """What the reader's day brings. Rates are of UTC days, of which the one of the same name is most of his; a holiday's is the Sunday's."""
    mean = float(np.mean(found.weekday_rates))
    if mean <= 0:
        return ""
    day = _SUNDAY if is_holiday else today.weekday()
    part = found.weekday_rates[day] / mean - 1
    like_others = abs(part) < _NOTABLE
    brings = (
        "is a day like the others"
        if like_others
        else f"brings {100 * abs(part):.0f} % {'more' if part > 0 else 'less'} than its average day"
    )
    return f"{_date(today)} is a public holiday, like a Sunday, which {brings}" if is_holiday else f"a {WEEKDAYS[day]} {brings}"


def _holidays(days: Sequence[date]) -> str:
    if not days:
        return ""
    return f"{' and '.join(map(_date, days))} {'is a public holiday' if len(days) == 1 else 'are public holidays'}, like a Sunday"


def _date(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%a %d %b %H:%M}"


def _told_by(grade: str, found: ForecastEvidence) -> str:
    *first, last = [f"{name} ({100 * weight:.0f} %)" for name, weight in found.members.items()] or [""]
    members = f"{', '.join(first)} and {last}" if first else last
    remark = {
        FULL_MODEL: "",
        STALE_MODEL: ", by a model that has not been fitted for long",
        FALLBACK: ", because no fitted model serves",
    }.get(grade, ", because the model lacks a member")
    return f"told by {members or 'its own past'}{remark}"


def _ago(seconds: float) -> str:
    if seconds < 2 * HOUR:
        return f"{max(0, round(seconds / 60))} min before"
    return f"{seconds / HOUR:.0f} h before" if seconds < 2 * DAY else f"{seconds / DAY:.0f} days before"
