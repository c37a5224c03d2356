"""Shadow mode's edge: makes each collection day's shadow plans, and scores past days once a day. Called by the plan service and the command.

A shadow plan is made in the morning, before the first truck would leave, from the forecasts of that hour laid on the levels of the shadow
world (`shadow_world`). It is stored like a plan, with its inputs, and is never handed out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from models.domain.forecast import InflowForecast
from models.domain.legal_interval import LastCollection
from models.domain.plan import SHADOW, CollectionPlan
from models.domain.plan_day import HandedOut, handout, moment_of
from models.domain.registry import Thing
from models.domain.shadow import DistrictDay, DrivenBy, ShadowVisit
from models.fill_forecast.history import History
from processors.plan.calendar import collection_weekdays, moment
from processors.plan.day import fraction_days, is_ready
from processors.plan.day_scoring import PastDay, score_district
from processors.plan.inputs import City, CityReader, kept_inputs
from processors.plan.planner import FractionDay, Planned, plan_fraction
from processors.plan.shadow_world import RESTART_DAYS, newest_run, shadow_collection, shadow_level, two_worlds
from processors.plan.tours import KNOWN_DAYS, Tour, tours_of
from processors.routing.roads import RoadProfile
from runtime import logs
from runtime.clock import Clock
from runtime.settings import PlanSettings
from storage.fill_histories import fill_histories
from storage.plan_days import disrupted_days, handed_out_plans, state_changes
from storage.plans import latest_plan, plans_of, save_plan, shadow_plans_of
from storage.registry import things
from storage.shadow import newest_scoring, replace_shadow_visits, save_district_days, shadow_visits

SCORED_DAYS = 3
"""A day is scored again for so many days, with the readings that came late."""
REACH_DAYS = 120
"""A container that the shadow plans leave standing for so long begins anew from its real level."""
CONTEXT = timedelta(days=28)
"""Readings before the time of interest, from which inflow and usual levels after emptying are read."""
CHUNK = 100


class Shadow:
    """Makes shadow plans and scores days."""

    def __init__(self, pool: asyncpg.Pool, reader: CityReader, settings: PlanSettings, zone: ZoneInfo, clock: Clock) -> None:
        self._pool = pool
        self._reader = reader
        self._settings = settings
        self._zone = zone
        self._clock = clock
        self._made_on: date | None = None
        self._scored_on: date | None = None
        self._log = logs.get_logger()

    def districts(self, known: Sequence[Thing]) -> frozenset[str]:
        """Districts in shadow mode: all of a city in shadow mode, else those that are named."""
        found = frozenset(item.district for item in known if item.district)
        return found if self._settings.plan_shadow else found & self._settings.shadow_districts

    async def make_missing(self) -> int:
        """Makes today's shadow plans between the hour of planning and the first shift of a collection day; says how many."""
        now = self._clock.now()
        today = now.astimezone(self._zone).date()
        settings = self._settings
        drives = today.weekday() in collection_weekdays(settings.plan_weekdays)
        if not drives or not (settings.plan_shadow or settings.shadow_districts):
            return 0
        if self._made_on == today or now < moment(today, settings.plan_hour * 3600, self._zone):
            return 0
        async with self._pool.acquire() as connection:
            made = {plan.fraction for plan in await shadow_plans_of(connection, today)}
            city = await self._reader.read(connection, today, now)
        inputs, count = city.inputs, 0
        if not is_ready(inputs):
            return 0
        if now < moment(today, min(truck.shift_start_s for truck in inputs.trucks), self._zone):
            missing = {str(item.fraction) for item in inputs.containers} - made
            count = await self._make(today, city, missing, now) if missing else 0
        self._made_on = today
        return count

    async def _make(self, today: date, city: City, fractions: set[str], now: datetime) -> int:
        districts = self.districts(city.inputs.containers)
        compared = [item.thing_id for item in city.inputs.containers if item.district in districts]
        async with self._pool.acquire() as connection:
            visits = await shadow_visits(connection, today - timedelta(days=REACH_DAYS), today - timedelta(days=1))
        levels = await self._shadow_levels(compared, visits, city.inputs.forecasts.values(), now)
        forecasts = {
            name: item.model_copy(update={"level_at_cutoff": levels[name]}) if name in levels else item
            for name, item in city.inputs.forecasts.items()
        }
        last = _last_in_shadow(city, {name: visits.get(name, []) for name in compared}, self._zone)
        inputs = replace(city.inputs, forecasts=forecasts, wishes=(), standings=(), last_collected=last)
        days = fraction_days(inputs, today, self._settings, self._zone, now)
        wanted = [item for item in days if item.fraction in fractions]
        for item in wanted:
            day = replace(item, known=await self._known(item))
            planned = await asyncio.to_thread(plan_fraction, day, city.roads, RoadProfile(), self._settings, self._zone, now)
            await self._store(planned, replace(city, inputs=inputs), day, districts, now)
        return len(wanted)

    async def _known(self, day: FractionDay) -> tuple[Tour, ...]:
        """The tours of the last shadow plan, which this one stays near to, as plans do."""
        plan_date = day.when.plan_date
        async with self._pool.acquire() as connection:
            plan = await latest_plan(connection, SHADOW, day.fraction, plan_date - timedelta(days=KNOWN_DAYS), plan_date)
        return () if plan is None else tuple(tours_of(plan))

    async def _store(self, planned: Planned, city: City, day: FractionDay, districts: frozenset[str], now: datetime) -> None:
        plan = planned.plan.model_copy(update={"district": SHADOW, "shadow_districts": tuple(sorted(districts))})
        judged = {item.container.thing_id: item.container for item in day.judgements}
        forecasts = [item.model_dump(mode="json") for key, item in city.inputs.forecasts.items() if key in judged]
        compared = [name for name, container in judged.items() if container.district in districts]
        visits = _visits(plan, compared, self._zone)
        async with self._pool.acquire() as connection, connection.transaction():
            inputs = kept_inputs(replace(planned, plan=plan), city.registry_version, forecasts, {"how": "solve"})
            revision = await save_plan(connection, plan, inputs)
            await replace_shadow_visits(connection, plan.plan_date, compared, visits, now)
        self._log.info(
            "shadow_plan_made",
            plan_date=plan.plan_date.isoformat(),
            fraction=plan.fraction,
            revision=revision,
            stops=plan.stop_count,
            distance_m=plan.distance_m,
        )

    async def _shadow_levels(
        self,
        containers: Sequence[str],
        visits: Mapping[str, Sequence[ShadowVisit]],
        forecasts: Iterable[InflowForecast],
        now: datetime,
    ) -> dict[str, float]:
        """Levels of the shadow world at each forecast's cutoff, of the containers that have been in it for a day at least."""
        cutoffs = {item.container_id: item.cutoff for item in forecasts}
        inside = [name for name in containers if name in cutoffs and visits.get(name)]
        levels: dict[str, float] = {}
        for start in range(0, len(inside), CHUNK):
            histories = await self._histories(inside[start : start + CHUNK], visits, now)
            for history in histories:
                worlds = two_worlds(history, visits[history.container_id], self._zone)
                levels[history.container_id] = shadow_level(worlds, cutoffs[history.container_id])
        return levels

    async def _histories(
        self,
        containers: Sequence[str],
        visits: Mapping[str, Sequence[ShadowVisit]],
        now: datetime,
        from_day: datetime | None = None,
    ) -> list[History]:
        """As far back as the shadow world of these containers needs, and some context before."""
        needed = [_needed_from(visits.get(name, []), from_day or now, self._zone) for name in containers]
        async with self._pool.acquire() as connection:
            return await fill_histories(connection, containers, min(needed) - CONTEXT, now)

    async def score_missing(self) -> int:
        """Scores the last days once a day, after the hour of planning; says how many districts' days. Disrupted days are left out."""
        now = self._clock.now()
        today = now.astimezone(self._zone).date()
        due = moment(today, self._settings.plan_hour * 3600, self._zone)
        if self._scored_on == today or now < due:
            return 0
        async with self._pool.acquire() as connection:
            newest = await newest_scoring(connection)
            disrupted = await disrupted_days(connection)
        count = 0
        if newest is None or newest < due:
            days = [today - timedelta(days=ago) for ago in range(SCORED_DAYS, 0, -1)]
            count = len(await self.score([day for day in days if day not in disrupted]))
        self._scored_on = today
        return count

    async def score(self, days: Sequence[date]) -> list[DistrictDay]:
        """Scores past days, in order, and stores what they came to. Reads each container once for all of them."""
        if not days:
            return []
        now = self._clock.now()
        async with self._pool.acquire() as connection:
            containers = await things(connection, "container")
            visits = await shadow_visits(connection, days[0] - timedelta(days=REACH_DAYS), days[-1])
            past = [await self._past_day(connection, day, containers, visits) for day in days]
        scores: list[DistrictDay] = []
        for district in sorted({item.district for item in containers if item.district}):
            own = [item.thing_id for item in containers if item.district == district]
            histories: dict[str, History] = {}
            for start in range(0, len(own), CHUNK):
                begin = moment(days[0], 0, self._zone)
                found = await self._histories(own[start : start + CHUNK], past[0].visits, now, begin)
                histories |= {item.container_id: item for item in found}
            scores += [await asyncio.to_thread(score_district, item, district, histories, now) for item in past]
        async with self._pool.acquire() as connection:
            await save_district_days(connection, scores)
        self._log.info("days_scored", days=[day.isoformat() for day in days], districts=len(scores) // len(days))
        return scores

    async def _past_day(
        self,
        connection: asyncpg.Connection,
        day: date,
        containers: Sequence[Thing],
        visits: Mapping[str, Sequence[ShadowVisit]],
    ) -> PastDay:
        settings = self._settings
        limit = moment_of(day, settings.plan_release_by, self._zone)
        given = handout(await state_changes(connection, day), self._clock.now(), limit, day, shadow=settings.plan_shadow)
        plans = await handed_out_plans(connection, given, day)
        by_plan = given.what is HandedOut.PLAN
        drives = day.weekday() in collection_weekdays(settings.plan_weekdays)
        routes = [route for plan in plans for route in (plan.routes if by_plan else plan.fixed_routes)]
        held = {item.district for plan in plans for item in plan.held}
        districts = {item.district for item in containers}
        driven_by: dict[str, DrivenBy] = {name: "plan" if by_plan and name not in held else "fixed_schedule" for name in districts}
        shadow = await self._shadow_of(connection, day, drives)
        return PastDay(
            day=day,
            zone=self._zone,
            district_of={item.thing_id: item.district for item in containers},
            driven=routes if plans or not drives else None,
            driven_by=driven_by,
            shadow=None if shadow is None else [route for plan in shadow if plan.plan_date == day for route in plan.routes],
            shadow_districts=frozenset(name for plan in shadow or () for name in plan.shadow_districts),
            visits={name: [item for item in items if item.plan_date <= day] for name, items in visits.items()},
        )

    async def _shadow_of(self, connection: asyncpg.Connection, day: date, drives: bool) -> list[CollectionPlan] | None:
        """The shadow plans of a day; of a day on which no truck drives those of the last day before that had some; None without any."""
        if drives:
            plans = await shadow_plans_of(connection, day)
            fractions = {plan.fraction for plan in await plans_of(connection, day)}
            return plans if plans and fractions <= {plan.fraction for plan in plans} else None
        for ago in range(1, RESTART_DAYS):
            plans = await shadow_plans_of(connection, day - timedelta(days=ago))
            if plans:
                return plans
        return None


def _last_in_shadow(city: City, visits: Mapping[str, Sequence[ShadowVisit]], zone: ZoneInfo) -> dict[str, LastCollection]:
    """What the law counts from in the shadow world, of the containers that it is counted for."""
    known = city.inputs.last_collected
    by_law = [item.thing_id for item in city.inputs.containers if item.max_interval_days is not None]
    found = {name: shadow_collection(known.get(name), visits.get(name, []), zone) for name in by_law}
    return {name: item for name, item in found.items() if item is not None}


def _visits(plan: CollectionPlan, containers: Sequence[str], zone: ZoneInfo) -> list[ShadowVisit]:
    """One per container: when its truck would have come, or None."""
    arrivals = {
        name: moment(plan.plan_date, visit.arrival_s, zone)
        for route in plan.routes
        for visit in route.visits
        for name in visit.container_ids
    }
    return [ShadowVisit(plan_date=plan.plan_date, container_id=name, collected_at=arrivals.get(name)) for name in containers]


def _needed_from(visits: Sequence[ShadowVisit], begin: datetime, zone: ZoneInfo) -> datetime:
    """From when on a container's shadow level before `begin` follows: its last shadow emptying, else the beginning of its run."""
    run = newest_run(visits)
    before = [item.collected_at for item in run if item.collected_at is not None and item.collected_at < begin]
    if before:
        return min(before[-1], begin)
    return min(begin, moment(run[0].plan_date, 0, zone)) if run else begin.astimezone(UTC)
