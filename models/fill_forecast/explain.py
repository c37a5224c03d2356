"""What a forecast rests on: the grade of its data and one sentence for a person."""

from __future__ import annotations

from models.domain.forecast import InflowForecast
from models.fill_forecast.history import DAY, FIRST_WEEK_DAYS, HOUR, days_read, is_sparse, usual_interval
from models.fill_forecast.inflow import InflowCurve
from models.fill_forecast.unseen_emptying import unseen_emptying

GOOD, DOUBTFUL, STALE = "good", "doubtful", "stale"
REPORTED = "as a truck reported"
EMPTIED_UNREAD = f"{REPORTED}, and not read since"
_SURE_SD = 0.08
"""A level that is less sure than that is doubtful by itself."""


def data_grade(curve: InflowCurve, cutoff: float) -> str:
    """ "stale" when the newest reading is older than a day (or three usual intervals), "doubtful" when something is wrong with
    it (`doubts`, `fusion`), the sensor is out of its position, the level is not sure, the newest one jumps, or there is less than a week of data;
    else "good"."""
    if _is_silent(curve, cutoff):
        return STALE
    jumps = len(curve.levels) > 1 and not is_sparse(curve.times) and curve.levels[-1] - curve.levels[-2] > 0.3
    young = days_read(curve.times) < FIRST_WEEK_DAYS
    unsure = curve.doubts or curve.tilted_since is not None or curve.level_sd > _SURE_SD
    return DOUBTFUL if unsure or jumps or young else GOOD


def _is_silent(curve: InflowCurve, cutoff: float) -> bool:
    return bool(cutoff - curve.times[-1] > max(DAY, 3 * usual_interval(curve.times)))


def shows_its_level(made: InflowForecast) -> bool:
    """Whether readings show how full the container is now: not of one that is silent or may have been emptied unseen, which its own past alone
    tells and whose outcomes say nothing of others."""
    return made.data_grade != STALE and not made.emptied_unseen


def doubts_at(curve: InflowCurve, cutoff: float) -> tuple[str, ...]:
    """What is wrong with the data, each as part of a sentence."""
    silent, doubted = _is_silent(curve, cutoff), curve.unread_since is not None
    unseen = unseen_emptying(curve, cutoff) if silent or doubted else None
    chance = "" if unseen is None else f"({100 * unseen.chance:.0f} %)"
    told = (*curve.doubts, f"it may have been emptied unseen since then {chance}") if doubted and chance else curve.doubts
    within = f", in which it may have been emptied {chance}" if chance and not doubted else ""
    if curve.tilted_since is not None:
        return (*told, f"the sensor has been out of its position, as it says, for {_span(cutoff - curve.tilted_since)}{within}")
    return (*told, f"the sensor has been silent for {_span(cutoff - curve.times[-1])}{within}") if silent else told


def basis_sentence(curve: InflowCurve, cutoff: float, grade: str, days: float, *, first_week: bool) -> str:
    """One sentence: level and age of the last good reading, rate, emptyings, and what is wrong with the data, if anything."""
    level = f"{100 * curve.level_at_end():.0f} % full {_ago(cutoff - curve.times[-1])}"
    if first_week:
        uninformative = days_read(curve.times) >= FIRST_WEEK_DAYS
        why = ", ".join(doubts_at(curve, cutoff)) if uninformative else f"only {_span(days * DAY)} of readings"
        emptied = f", {_emptied(curve, cutoff)}" if curve.emptied_unread is not None else ""
        return f"{level}{emptied}; {why}, so this is what containers of its fraction usually get."
    rate = f"{100 * curve.rate_per_day:.1f} points a day over {_span(days * DAY)}"
    emptyings = _emptied(curve, cutoff)
    named = doubts_at(curve, cutoff)
    doubts = f"; {', '.join(named)}, so the forecast widens" if named else ""
    return f"{level}, {rate}, {emptyings}{doubts}."


def _emptied(curve: InflowCurve, cutoff: float) -> str:
    emptied = curve.emptied_at()
    if emptied is None:
        return "no emptying seen"
    ago = _ago(cutoff - emptied)
    if curve.emptied_unread is None:
        return f"last emptied {ago}"
    return f"emptied {ago} {EMPTIED_UNREAD if emptied >= curve.times[-1] else REPORTED}"


def _ago(seconds: float) -> str:
    return "just now" if seconds < 90 else f"{_span(seconds)} ago"


def _span(seconds: float) -> str:
    if seconds < 2 * HOUR:
        return f"{max(1, round(seconds / 60))} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return f"{seconds / DAY:.0f} days"
