"""Shadow plans against what was driven, over weeks: sums per district and for the city, and differences paired by week. Pure.

A pair is a whole week, because the fixed schedule has a weekly rhythm and a day depends on the days before it. A week with a day that could not
be scored is left out of the pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from models.domain.plan import WHOLE_CITY
from models.domain.registry import DomainType
from models.domain.shadow import DayFigures, DistrictDay
from models.paired_difference import Difference, difference

DAYS_OF_WEEK = 7


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    unit: str
    of: Callable[[Sequence[DayFigures]], float | None]


def _kilometres(days: Sequence[DayFigures]) -> float:
    return sum(item.distance_m or 0 for item in days) / 1000


def _hours(days: Sequence[DayFigures]) -> float:
    return sum(item.duration_s or 0 for item in days) / 3600


def _emptyings(days: Sequence[DayFigures]) -> float:
    return sum(item.emptyings for item in days)


def _fill(days: Sequence[DayFigures]) -> float | None:
    known = sum(item.levels_known for item in days)
    return 100 * sum((item.fill_at_emptying or 0.0) * item.levels_known for item in days) / known if known else None


def _overflow(days: Sequence[DayFigures]) -> float:
    return sum(item.overflow_hours for item in days)


MEASURES = (
    _Measure("distance", "km", _kilometres),
    _Measure("hours", "h", _hours),
    _Measure("emptyings", "", _emptyings),
    _Measure("fill at emptying", "%", _fill),
    _Measure("overflow container-hours", "h", _overflow),
)


class MeasuredDifference(DomainType):
    """One measure: its totals over all scored days, and plan minus fixed routes per week with the 95 % interval. `low` and `high` are None with
    one week or none; `proven` is false when the interval includes zero. `sentence` says it in words."""

    measure: str
    unit: str
    fixed: float | None
    plan: float | None
    weekly_difference: float | None
    low: float | None
    high: float | None
    proven: bool
    sentence: str


class ShadowComparison(DomainType):
    """A district, or `*` for all that are compared. `days` were scored, `weeks` of them are whole and make the pairs; `counted_share` of the
    containers' days were read all day long."""

    district: str
    first_day: date
    last_day: date
    days: int
    weeks: int
    counted_share: float
    measures: tuple[MeasuredDifference, ...]


def compared(days: Sequence[DistrictDay]) -> list[ShadowComparison]:
    """The whole city first, then each district by name; only days on which both worlds' tours are known."""
    pairs = [
        item
        for item in days
        if item.shadow is not None and item.driven.distance_m is not None and item.driven_by == "fixed_schedule"
    ]
    districts = sorted({item.district for item in pairs})
    scopes = [(WHOLE_CITY, pairs)] if len(districts) > 1 else []
    scopes += [(name, [item for item in pairs if item.district == name]) for name in districts]
    return [_comparison(name, found) for name, found in scopes]


def _comparison(name: str, found: Sequence[DistrictDay]) -> ShadowComparison:
    by_day: dict[date, list[DistrictDay]] = defaultdict(list)
    for item in found:
        by_day[item.plan_date].append(item)
    weeks = _whole_weeks(by_day)
    containers = sum(item.containers for item in found)
    return ShadowComparison(
        district=name,
        first_day=min(by_day),
        last_day=max(by_day),
        days=len(by_day),
        weeks=len(weeks),
        counted_share=sum(item.counted for item in found) / containers if containers else 0.0,
        measures=tuple(_measured(measure, found, weeks) for measure in MEASURES),
    )


def _whole_weeks(by_day: dict[date, list[DistrictDay]]) -> list[list[DistrictDay]]:
    """Blocks of seven days, counted back from the newest."""
    last, weeks = max(by_day), []
    for number in range((last - min(by_day)).days // DAYS_OF_WEEK + 1):
        block = [last - timedelta(days=number * DAYS_OF_WEEK + ahead) for ahead in range(DAYS_OF_WEEK)]
        if all(day in by_day for day in block):
            weeks.append([item for day in block for item in by_day[day]])
    return weeks


def _measured(measure: _Measure, found: Sequence[DistrictDay], weeks: Sequence[Sequence[DistrictDay]]) -> MeasuredDifference:
    fixed, plan = _both(measure, found)
    pairs = [_both(measure, week) for week in weeks]
    values = [ours - theirs for theirs, ours in pairs if ours is not None and theirs is not None]
    weekly = difference(values) if values else None
    several = weekly is not None and len(values) > 1
    return MeasuredDifference(
        measure=measure.name,
        unit=measure.unit,
        fixed=fixed,
        plan=plan,
        weekly_difference=weekly.mean if weekly else None,
        low=weekly.low if weekly and several else None,
        high=weekly.high if weekly and several else None,
        proven=bool(weekly and several and weekly.proven),
        sentence=_sentence(measure, weekly),
    )


def _both(measure: _Measure, days: Sequence[DistrictDay]) -> tuple[float | None, float | None]:
    """Fixed routes and shadow plan."""
    return measure.of([item.driven for item in days]), measure.of([item.shadow for item in days if item.shadow is not None])


def _sentence(measure: _Measure, weekly: Difference | None) -> str:
    if weekly is None:
        return f"{measure.name}: no whole week has been scored yet: not proven"
    unit = f" {measure.unit}" if measure.unit else ""
    return f"{measure.name}: {weekly.says(unit)} a week"
