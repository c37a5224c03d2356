"""One day of the whole city, pure: judges every container, shares the trucks out, levels the week, and gives each fraction what it
plans from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from models.domain.district_standing import Standing
from models.domain.failures import UserError
from models.domain.forecast import InflowForecast
from models.domain.legal_interval import LastCollection
from models.domain.plan_day import Wish
from models.domain.registry import Depot, DisposalSite, FixedCollection, Thing, Truck
from processors.plan.calendar import chances, collection_weekdays, is_due
from processors.plan.disruption import Disruption, trucks_left, without_law
from processors.plan.fallback import held_districts, held_to_schedule, with_counts
from processors.plan.fleet import trucks_by_fraction
from processors.plan.judgement import Judgement, judge
from processors.plan.legal import with_schedule
from processors.plan.planner import FractionDay
from processors.plan.week import levelled
from runtime.settings import PlanSettings


@dataclass(frozen=True, eq=False)
class CityInputs:
    """What the registry and the forecasts say, at one moment. `containers` are things of type container; `closed_bridges` say since
    when their roads are closed; `trucks_out` do not drive on the planned day."""

    containers: tuple[Thing, ...]
    forecasts: Mapping[str, InflowForecast]
    depots: tuple[Depot, ...]
    disposal_sites: tuple[DisposalSite, ...]
    trucks: tuple[Truck, ...]
    fixed_lines: tuple[FixedCollection, ...]
    wishes: tuple[Wish, ...] = ()
    trucks_out: frozenset[str] = frozenset()
    closed_bridges: Mapping[str, datetime] = field(default_factory=dict)
    standings: tuple[Standing, ...] = ()
    """How each district stands, to be held to its fixed route or not; none of them is where this is empty."""
    last_collected: Mapping[str, LastCollection] = field(default_factory=dict)
    """Of containers with a legal interval, as far as it is known."""


READY_SHARE = 0.8
"""So many of the containers need a forecast before the day is planned without being asked."""


def is_ready(inputs: CityInputs) -> bool:
    """Whether there are trucks, and enough forecasts to plan by."""
    with_forecast = sum(1 for item in inputs.containers if item.thing_id in inputs.forecasts)
    return bool(inputs.trucks) and with_forecast >= max(1, READY_SHARE * len(inputs.containers))


def fraction_days(
    inputs: CityInputs, day: date, settings: PlanSettings, zone: ZoneInfo, now: datetime, disruption: Disruption | None = None
) -> list[FractionDay]:
    """One per fraction that has containers, in alphabetical order; on a day without collections no truck drives, unless the day is
    disrupted: then the trucks that are left drive whatever day it is.

    Districts that are held to their fixed routes follow the schedule, unless the day is disrupted or nothing is driven by plan. Raises
    `UserError` when the registry lacks what plans need.
    """
    _complete(inputs)
    weekdays = collection_weekdays(settings.plan_weekdays)
    when = chances(day, inputs.trucks, weekdays, zone)
    last = with_schedule(inputs.last_collected, inputs.containers, inputs.fixed_lines, day)
    judged: Mapping[str, list[Judgement]] = defaultdict(list)
    for container in sorted(inputs.containers, key=lambda item: item.thing_id):
        if container.fraction is not None:
            forecast = inputs.forecasts.get(container.thing_id)
            found = judge(container, forecast, when, settings, now, last.get(container.thing_id))
            judged[container.fraction].append(without_law(disruption, found))
    nobody_is_held = disruption is not None or settings.plan_shadow
    standings = () if nobody_is_held else with_counts(inputs.standings, [item for items in judged.values() for item in items])
    held = held_districts(standings, day, settings)
    judged = {fraction: [held_to_schedule(item, held) for item in items] for fraction, items in judged.items()}
    due = {line.container_id for line in inputs.fixed_lines if is_due(line, day)}
    wanted = {fraction: sum(item.load_l for item in items if _wanted(item, due)) for fraction, items in judged.items()}
    fraction_of = {container.thing_id: str(container.fraction) for container in inputs.containers}
    present = [truck for truck in inputs.trucks if truck.truck_id not in inputs.trucks_out]
    usual = trucks_by_fraction(present, inputs.fixed_lines, fraction_of, wanted)
    trucks = trucks_left(disruption, present, judged) if disruption else usual
    drives = disruption is not None or day.weekday() in weekdays
    days = [
        FractionDay(
            fraction=fraction,
            when=when,
            judgements=tuple(items),
            trucks=tuple(trucks[fraction]) if drives else (),
            fleet=inputs.trucks,
            depots=inputs.depots,
            disposal_sites=inputs.disposal_sites,
            fixed_lines=tuple(line for line in inputs.fixed_lines if fraction_of.get(line.container_id) == fraction),
            wishes=tuple(wish for wish in inputs.wishes if fraction_of.get(wish.container_id) == fraction),
            closed_bridges=tuple(sorted(inputs.closed_bridges)),
            disruption=disruption,
            standings=standings,
        )
        for fraction, items in sorted(judged.items())
    ]
    return [levelled(item, inputs.forecasts, settings, zone) for item in days]


def _wanted(judged: Judgement, due: set[str]) -> bool:
    if not judged.usable:
        return judged.legally_due or judged.container.thing_id in due
    return judged.must_go or judged.prize > 0


def _complete(inputs: CityInputs) -> None:
    missing = [
        name
        for name, found in (
            ("containers", inputs.containers),
            ("trucks", inputs.trucks),
            ("a depot", inputs.depots),
            ("a disposal site", inputs.disposal_sites),
        )
        if not found
    ]
    if missing:
        raise UserError(f"a plan needs {', '.join(missing)}: import them with `stadspuls registry import`")
