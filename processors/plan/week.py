"""The coming week, levelled: what would fall due on a day with more work than its trucks have hours is brought forward. Pure.

Rolling: every plan looks at the collection days ahead anew, from the forecasts of that moment, and decides on its own day only. A
container's due day is the last one on which it can be collected before P(overflow) passes the limit of what is required, or its legal
interval is over. Where the days up to some day hold more than a comfortable share of their trucks' hours, the fullest of what is due later
goes first. Hours are estimates that compare days with each other: the search that follows counts exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.forecast import InflowForecast
from models.domain.registry import Truck
from models.fill_forecast.overlay import level_quantiles, overflow_probability
from processors.plan.calendar import Chances, chances, collection_weekdays, is_due
from processors.plan.judgement import BroughtForward, Judgement
from processors.plan.legal import legal_due_day
from processors.plan.planner import FractionDay
from processors.plan.worth import worth_of_going
from processors.routing.roads import DETOUR_FACTOR, RoadProfile, great_circle_m
from runtime.settings import PlanSettings

LEAST_LEVEL = 0.5
"""Nothing is brought forward to a day on which it is expected to be emptier than this."""
NEIGHBOUR = 3
"""The usual way to a container is counted as that to its third nearest of the week's: a day takes a part of them."""


@dataclass(frozen=True, slots=True)
class Task:
    """A collection in the week ahead, in numbers of its collection days: from `first`, and not later than `due`. `levels[d]` is how
    full the container is expected to be on day d."""

    container_id: str
    work_s: float
    first: int
    due: int
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DayLoad:
    """Hours of work on one collection day: what its trucks have, what falls due on it, and what is left of that when levelled."""

    day: date
    capacity_s: float
    due_s: float
    levelled_s: float


@dataclass(frozen=True, slots=True)
class Week:
    """The levelled week, the planned day first, and what goes on the planned day although it is due later."""

    loads: tuple[DayLoad, ...] = ()
    brought_forward: Mapping[str, BroughtForward] = field(default_factory=dict)


def levelled(day: FractionDay, forecasts: Mapping[str, InflowForecast], settings: PlanSettings, zone: ZoneInfo) -> FractionDay:
    """The day with what is brought forward to it: worth the overflow that it avoids if the busy day leaves the container out. Days
    without trucks and disrupted ones stay as they are."""
    forward = {} if day.disruption is not None else week_of(day, forecasts, settings, zone).brought_forward
    return replace(day, judgements=tuple(_moved(judged, forward, settings) for judged in day.judgements))


def _moved(judged: Judgement, forward: Mapping[str, BroughtForward], settings: PlanSettings) -> Judgement:
    found = forward.get(judged.container.thing_id)
    if found is None:
        return judged
    # An interval that is broken by law counts as a container that overflows.
    risks = np.array([judged.overflow_before or 0.0, 1.0 if found.by_law else found.overflow_by_due])
    room = np.array([1 - judged.level_at_collection])
    worth = float(worth_of_going(risks, room, settings.plan_room_cost, settings.plan_overflow_cost))
    return replace(judged, brought_forward=found, prize=max(judged.prize, round(worth, 2)))


def week_of(day: FractionDay, forecasts: Mapping[str, InflowForecast], settings: PlanSettings, zone: ZoneInfo) -> Week:
    """The collection days of the horizon, with the day's trucks counted on for each."""
    ahead = days_ahead(day.when.plan_date, day.fleet, settings, zone)
    capacity_s = float(sum(truck.shift_end_s - truck.shift_start_s for truck in day.trucks))
    sites = [site for site in day.disposal_sites if day.fraction in site.fractions]
    if len(ahead) < 2 or capacity_s <= 0 or not sites:
        return Week()
    tasks = _tasks(day, forecasts, ahead, settings)
    capacity = [capacity_s] * len(ahead)
    days = levelled_days(tasks, capacity, settings.plan_level_share)
    due_s, levelled_s = np.zeros(len(ahead)), np.zeros(len(ahead))
    for task, number in zip(tasks, days, strict=True):
        due_s[task.due] += task.work_s
        levelled_s[number] += task.work_s
    legal_days = {item.container.thing_id: legal_due_day(item.legal, ahead) for item in day.judgements if item.legal is not None}
    forward = {
        task.container_id: BroughtForward(
            busy_day=ahead[task.due].plan_date,
            busy_share=float(due_s[task.due] / capacity_s),
            overflow_by_due=overflow_probability(forecasts[task.container_id], ahead[task.due].next_latest),
            by_law=legal_days.get(task.container_id) == task.due,
        )
        for task, number in zip(tasks, days, strict=True)
        if number == 0 < task.due
    }
    loads = zip(ahead, capacity, due_s.tolist(), levelled_s.tolist(), strict=True)
    return Week(tuple(DayLoad(when.plan_date, *load) for when, *load in loads), forward)


def days_ahead(day: date, fleet: Sequence[Truck], settings: PlanSettings, zone: ZoneInfo) -> list[Chances]:
    """The collection days of the horizon, from the planned one on."""
    weekdays = collection_weekdays(settings.plan_weekdays)
    dates = (day + timedelta(days=number) for number in range(settings.plan_level_days))
    return [chances(item, fleet, weekdays, zone) for item in dates if item.weekday() in weekdays]


def levelled_days(tasks: Sequence[Task], capacity_s: Sequence[float], share: float) -> list[int]:
    """The day of each task. Days keep below `share` of their capacity, or below the lowest peak that bringing forward can reach;
    what moves is what is fullest the day before, and nothing moves without need."""
    days = [task.due for task in tasks]
    limits = [max(share, _lowest_peak(tasks, capacity_s)) * item for item in capacity_s]
    work = [sum(task.work_s for task in tasks if task.due == day) for day in range(len(capacity_s))]

    def move(number: int, to: int) -> None:
        work[days[number]] -= tasks[number].work_s
        work[to] += tasks[number].work_s
        days[number] = to

    for day in range(len(capacity_s) - 1, 0, -1):
        for number in _movable(tasks, days, day):
            if work[day] <= limits[day] + 1e-6:
                break
            move(number, day - 1)
    brought = [number for number, task in enumerate(tasks) if days[number] == 0 < task.due]
    for number in sorted(brought, key=lambda item: (tasks[item].levels[0], tasks[item].container_id)):
        if work[0] > limits[0] + 1e-6:
            move(number, 1)
    return days


def _movable(tasks: Sequence[Task], days: Sequence[int], day: int) -> list[int]:
    """Tasks of a day that can go the day before, the fullest first."""
    able = [
        number
        for number, task in enumerate(tasks)
        if days[number] == day and task.first < day and task.levels[day - 1] >= LEAST_LEVEL
    ]
    return sorted(able, key=lambda number: (-tasks[number].levels[day - 1], tasks[number].container_id))


def _lowest_peak(tasks: Sequence[Task], capacity_s: Sequence[float]) -> float:
    """The share of its hours that the busiest day takes at least, however much is brought forward."""
    due = [sum(task.work_s for task in tasks if task.due == day) for day in range(len(capacity_s))]
    return max(work / hours for work, hours in zip(accumulate(due), accumulate(capacity_s), strict=True))


def due_day(forecast: InflowForecast, ahead: Sequence[Chances], settings: PlanSettings) -> int | None:
    """The number of the last collection day before P(overflow) passes the limit; None when that lies beyond the horizon."""
    known = [when for when in ahead if _reaches(forecast, when)]
    limit = settings.plan_required_probability
    if not known or overflow_probability(forecast, known[-1].next_latest) < limit:
        return None
    return next(number for number, when in enumerate(known) if overflow_probability(forecast, when.next_latest) >= limit)


def _tasks(
    day: FractionDay, forecasts: Mapping[str, InflowForecast], ahead: Sequence[Chances], settings: PlanSettings
) -> list[Task]:
    """What the week asks for: of containers with a forecast when they fall due, of others what the fixed schedule collects."""
    usable = {judged.container.thing_id: judged for judged in day.judgements if judged.usable}
    due = {name: found for name, judged in usable.items() if (found := _due(judged, forecasts[name], ahead, settings)) is not None}
    lines = [line for line in day.fixed_lines if line.container_id not in usable]
    fixed = [(line.container_id, number) for line in lines for number, when in enumerate(ahead) if is_due(line, when.plan_date)]
    named = {judged.container.thing_id: judged for judged in day.judgements}
    asked = sorted({*due, *(name for name, _ in fixed if name in named)})
    work = dict(zip(asked, _work_s([named[name] for name in asked], day, settings), strict=True))
    tasks = [
        task for name, number in due.items() for task in _collections(name, forecasts[name], number, work[name], ahead, settings)
    ]
    return tasks + [Task(name, work[name], number, number, ()) for name, number in fixed if name in work]


def _due(judged: Judgement, forecast: InflowForecast, ahead: Sequence[Chances], settings: PlanSettings) -> int | None:
    """By what may overflow or by law, whichever is sooner."""
    if judged.must_go:
        return 0
    by_law = None if judged.legal is None else legal_due_day(judged.legal, [when for when in ahead if _reaches(forecast, when)])
    return min((day for day in (due_day(forecast, ahead, settings), by_law) if day is not None), default=None)


def _collections(
    name: str, forecast: InflowForecast, due: int, work_s: float, ahead: Sequence[Chances], settings: PlanSettings
) -> list[Task]:
    """The collection that is due, and the next one if the container is full again within the horizon."""
    known = [when for when in ahead if _reaches(forecast, when)]
    found = [Task(name, work_s, 0, due, _levels(forecast, known, len(ahead)) if due else ())]
    emptied, later = known[due].today, known[due + 1 :]
    if later:
        levels = level_quantiles(forecast, [emptied], [when.next_latest for when in later])
        high = [np.interp(1 - settings.plan_required_probability, levels.quantiles, column) for column in levels.levels.T]
        again = next((number for number, level in enumerate(high) if level >= 1.0), None)
        if again is not None:
            filled = (0.0,) * (due + 1) + _levels(forecast, later, len(ahead) - due - 1, emptied)
            found.append(Task(name, work_s, due + 1, due + 1 + again, filled))
    return found


def _levels(forecast: InflowForecast, known: Sequence[Chances], count: int, emptied: datetime | None = None) -> tuple[float, ...]:
    """The expected level when trucks come on each day; 0 beyond the forecast."""
    levels = level_quantiles(forecast, [emptied] if emptied else [], [when.today for when in known])
    middle = [float(np.interp(0.5, levels.quantiles, column)) for column in levels.levels.T]
    return tuple(middle + [0.0] * (count - len(middle)))


def _reaches(forecast: InflowForecast, when: Chances) -> bool:
    return when.next_latest <= forecast.cutoff + timedelta(hours=forecast.horizon_hours[-1])


def _work_s(asked: Sequence[Judgement], day: FractionDay, settings: PlanSettings) -> list[float]:
    """Seconds that each collection takes a truck: the way there, the service, and its share of a disposal trip."""
    if not asked:
        return []
    sites = [site for site in day.disposal_sites if day.fraction in site.fractions]
    per_metre = DETOUR_FACTOR * 3.6 / RoadProfile().speed_km_h
    at = [(judged.container.latitude, judged.container.longitude) for judged in asked]
    near = np.sort(great_circle_m(at, at), axis=1)[:, min(NEIGHBOUR, len(asked) - 1)] * per_metre
    away = great_circle_m(at, [(site.latitude, site.longitude) for site in sites]).min(axis=1) * per_metre
    tipping_s = float(np.mean([site.service_duration_s for site in sites]))
    capacity_l = float(np.mean([truck.capacity_l for truck in day.trucks]))
    return [
        float(leg)
        + (judged.container.service_duration_s or settings.plan_service_duration_s)
        + judged.load_l / capacity_l * (2 * float(way) + tipping_s)
        for judged, leg, way in zip(asked, near, away, strict=True)
    ]
