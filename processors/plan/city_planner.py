"""Plans a day of a city: reads it, plans its fractions side by side, stores what comes out, renews it, prices what planners ask for.

What it makes goes through the independent check and is stored with what it was made from. A plan with check failures is stored
too, with its failures: nobody is to drive it, and everybody can see why. Two planners of one plan make two revisions of it. Used by the
service and by the commands.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import asyncpg

from models.domain.failures import UserError
from models.domain.plan import CollectionPlan
from models.domain.plan_day import DayEvent, DayState, StateChange, Wish, handout, moment_of, state_of
from processors.plan.calendar import collection_weekdays, moment, next_collection_day
from processors.plan.city_plans import plan_fractions
from processors.plan.crew_words import TruckWord
from processors.plan.day import fraction_days, is_ready
from processors.plan.disruption import Disruption
from processors.plan.fallback import fallback_message, held_districts
from processors.plan.inputs import City, CityReader, kept_inputs
from processors.plan.planner import FractionDay, Planned
from processors.plan.replanning import concerns, refuse_unknown, renewed_plan
from processors.plan.shadowing import Shadow
from processors.plan.tours import KNOWN_DAYS, Tour, tours_of
from processors.plan.wishing import Wished, wished_plan
from processors.routing.roads import RoadProfile
from runtime import logs, metrics
from runtime.clock import Clock
from runtime.settings import CitySettings, PlanSettings
from storage.crew_reports import StoredReport, reports_of
from storage.district_standings import save_standings
from storage.forecasts import keep_forecast
from storage.outbox import append_once
from storage.plan_days import ensure_draft, handed_out_plans, mark_disrupted, save_wish, state_changes
from storage.plans import (
    latest_plan,
    plan_inputs,
    plan_of,
    plans_of,
    save_plan,
)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Made:
    """A stored plan, and what it was solved on."""

    plan: CollectionPlan
    planned: Planned


class Planner:
    """Reads a city, plans its fractions side by side, stores them as they are ready. Used by the service and the command."""

    def __init__(self, pool: asyncpg.Pool, settings: PlanSettings, city: CitySettings, clock: Clock) -> None:
        self._pool = pool
        self.settings = settings
        self.zone = city.zone
        self.clock = clock
        self._reader = CityReader(settings, self.zone)
        self.shadow = Shadow(pool, self._reader, settings, self.zone, clock)
        self._log = logs.get_logger()

    async def read(self, day: date | None = None) -> City:
        """The city as of now; for a day with what was asked of it, and what is out of service."""
        async with self._pool.acquire() as connection:
            return await self._reader.read(connection, day, self.clock.now() if day else None)

    async def make(self, day: date, fractions: Sequence[str] | None = None, disruption: Disruption | None = None) -> list[Made]:
        """Plans the given fractions, or all, of a day, and stores the plans. Raises `UserError` when the registry lacks what a
        plan needs or does not know a fraction."""
        city = await self.read(day)
        now = self.clock.now()
        days = fraction_days(city.inputs, day, self.settings, self.zone, now, disruption)
        unknown = set(fractions or ()) - {item.fraction for item in days}
        if unknown:
            known = ", ".join(item.fraction for item in days)
            raise UserError(f"there are no containers for {', '.join(sorted(unknown))}; the city collects {known}")
        if disruption is not None:
            async with self._pool.acquire() as connection:
                note = StateChange(plan_date=day, state=DayState.DRAFT, role="planner", at=now, note=disruption.reason)
                await mark_disrupted(connection, note)
        await self._note_standings(days, now)
        made = []
        for several in batched([item for item in days if not fractions or item.fraction in fractions], self.settings.plan_workers):
            made += await self._make(several, city, now)
        return made

    async def _note_standings(self, days: Sequence[FractionDay], now: datetime) -> None:
        """Keeps how districts stand, and tells other systems once of each that falls back to its fixed route or is planned again."""
        if not days or not days[0].standings:
            return
        day, standings = days[0].when.plan_date, days[0].standings
        held = held_districts(standings, day, self.settings)
        async with self._pool.acquire() as connection, connection.transaction():
            await save_standings(connection, day, standings, held, now)
            for standing in standings:
                message = fallback_message(standing, held.get(standing.district), day, self.settings.plan_language)
                if message is not None and await append_once(connection, "alerts", message["key"], message):
                    self._log.warning(message["kind"], district=standing.district, reason=message["sentence"])
        metrics.PLAN_DISTRICTS_FALLEN_BACK.set(sum(1 for item in held.values() if item.since is not None))

    async def _make(self, days: Sequence[FractionDay], city: City, now: datetime) -> list[Made]:
        """Plans fractions side by side and stores the plans."""
        started = time.perf_counter()
        known = [replace(day, known=await self._known(day)) for day in days]
        found = await asyncio.to_thread(plan_fractions, known, city.roads, RoadProfile(), self.settings, self.zone, now)
        seconds = time.perf_counter() - started
        return [await self._store(planned, city, seconds) for planned in found]

    async def _store(self, planned: Planned, city: City, seconds: float) -> Made:
        day = planned.ground.day
        containers = {judged.container.thing_id for judged in day.judgements}
        forecasts = [item.model_dump(mode="json") for key, item in city.inputs.forecasts.items() if key in containers]
        async with self._pool.acquire() as connection, connection.transaction():
            plan = await self._stored(connection, planned, kept_inputs(planned, city.registry_version, forecasts, {"how": "solve"}))
            for judged in day.judgements:
                if judged.usable:
                    await keep_forecast(connection, city.inputs.forecasts[judged.container.thing_id], "plan")
        metrics.PLANS_MADE.labels("failed" if plan.check_failures else "passed").inc()
        metrics.PLAN_SECONDS.observe(seconds)
        self._log.info(
            "plan_made",
            plan_date=day.when.plan_date.isoformat(),
            fraction=day.fraction,
            revision=plan.revision,
            trucks=len(plan.routes),
            stops=plan.stop_count,
            distance_m=plan.distance_m,
            check_failures=len(plan.check_failures),
            seconds=round(seconds, 2),
        )
        return Made(plan, planned)

    async def _known(self, day: FractionDay) -> tuple[Tour, ...]:
        """The tours that a new plan stays near to: the day's own newest plan, else the last one of the days before."""
        plan_date = day.when.plan_date
        async with self._pool.acquire() as connection:
            plan = await latest_plan(connection, "*", day.fraction, plan_date - timedelta(days=KNOWN_DAYS), plan_date)
        return () if plan is None else tuple(tours_of(plan))

    async def _stored(self, connection: asyncpg.Connection, planned: Planned, inputs: dict[str, Any]) -> CollectionPlan:
        """Stores a plan with its inputs as its next revision; the first one of a day is its draft."""
        plan = planned.plan
        revision = await save_plan(connection, plan, inputs)
        draft = StateChange(plan_date=plan.plan_date, state=DayState.DRAFT, role="planner service", at=plan.made_at)
        await ensure_draft(connection, draft)
        return plan.model_copy(update={"revision": revision})

    async def wish(self, day: date, wishes: Sequence[Wish], *, save: bool) -> Wished:
        """What wishes change on the newest plan of their fraction, all else as it was when that plan was made; with `save` they
        are kept and the changed plan is its next revision. Raises `UserError` for what cannot be asked."""
        city = await self.read()
        fraction_of = {item.thing_id: str(item.fraction) for item in city.inputs.containers}
        fractions = {fraction_of.get(wish.container_id) for wish in wishes}
        if len(fractions) != 1 or None in fractions:
            raise UserError(_unknown_or_mixed(wishes, fraction_of))
        fraction = str(fractions.pop())
        async with self._pool.acquire() as connection:
            plan = await plan_of(connection, day, "*", fraction)
            if plan is None:
                raise UserError(
                    f"there is no plan for {fraction} on {day.isoformat()} yet: make one with stadspuls plan --date {day}"
                )
            kept = await plan_inputs(connection, day, "*", fraction, plan.revision)
        wished = await asyncio.to_thread(wished_plan, plan, kept, wishes, city.roads)
        if save:
            async with self._pool.acquire() as connection, connection.transaction():
                for wish in wishes:
                    cost = {"price_m": wished.price.metres, "price_cost": wished.price.cost}
                    await save_wish(connection, wish.model_copy(update=cost))
                inputs = kept_inputs(wished.planned, kept["search"]["registry_version"], kept["forecasts"], wished.made)
                revision = (await self._stored(connection, wished.planned, inputs)).revision
            wished = replace(wished, revision=revision)
            self._log.info("plan_changed", plan_date=day.isoformat(), fraction=fraction, revision=revision, asked="wishes")
        return wished

    async def replan(self, event: DayEvent) -> list[CollectionPlan]:
        """Plans the rest of a day anew for each plan that an event concerns, from what is handed out, and stores the results. They wait
        for their release. Raises `UserError` when it concerns none, or what has been done already."""
        if self.settings.plan_shadow:
            raise UserError(
                f"the city is in shadow mode: the fixed schedule of {event.plan_date} is driven, and no plan to plan anew"
            )
        city = await self.read()
        limit = moment_of(event.plan_date, self.settings.plan_release_by, self.zone)
        async with self._pool.acquire() as connection:
            changes = await state_changes(connection, event.plan_date)
            given = handout(changes, self.clock.now(), limit, event.plan_date)
            words = [_word(item) for item in await reports_of(connection, event.plan_date)]
            plans = [
                (plan, await plan_inputs(connection, plan.plan_date, plan.district, plan.fraction, plan.revision))
                for plan in await handed_out_plans(connection, given, event.plan_date)
                if concerns(plan, event)
            ]
        refuse_unknown(event, len(plans))
        stored = []
        for plan, kept in plans:
            iterations = self.settings.plan_iterations or None
            renewed = await asyncio.to_thread(renewed_plan, kept, event, city.roads, iterations, words)
            inputs = kept_inputs(renewed.planned, kept["search"]["registry_version"], kept["forecasts"], renewed.made)
            async with self._pool.acquire() as connection, connection.transaction():
                stored.append(await self._stored(connection, renewed.planned, inputs | renewed.before))
            self._log.info(
                "plan_changed",
                plan_date=event.plan_date.isoformat(),
                fraction=plan.fraction,
                revision=stored[-1].revision,
                asked=event.kind.value,
            )
        return stored

    async def missing(self, now: datetime) -> list[tuple[date, list[str]]]:
        """Days with the fractions that want a plan now: the coming collection day's that have none, and today's that were made before
        the hour at which they are renewed. Empty until enough containers have a forecast."""
        city = await self.read()
        if not is_ready(city.inputs):
            return []
        fractions = sorted({str(item.fraction) for item in city.inputs.containers})
        today = now.astimezone(self.zone).date()
        renewed_from = moment(today, self.settings.plan_hour * 3600, self.zone)
        shift_begins = moment(today, min(truck.shift_start_s for truck in city.inputs.trucks), self.zone)
        wanted = []
        async with self._pool.acquire() as connection:
            made = {plan.fraction: plan.made_at for plan in await plans_of(connection, today)}
            state = state_of(await state_changes(connection, today))
            if renewed_from <= now < shift_begins and state in (None, DayState.DRAFT):
                wanted.append((today, [name for name in fractions if made.get(name, now) < renewed_from or name not in made]))
            coming = next_collection_day(today, collection_weekdays(self.settings.plan_weekdays))
            known = {plan.fraction for plan in await plans_of(connection, coming)}
            wanted.append((coming, [name for name in fractions if name not in known]))
        return [(day, names) for day, names in wanted if names]


def _word(stored: StoredReport) -> TruckWord:
    report = stored.report
    return TruckWord(
        truck_id=stored.truck_id,
        word=report.word,
        container_id=report.container_id,
        said_at=report.said_at,
        reason=report.reason,
        order=report.order,
    )


def batched(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """The items in order, at most so many at a time."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _unknown_or_mixed(wishes: Sequence[Wish], fraction_of: Mapping[str, str]) -> str:
    unknown = sorted(wish.container_id for wish in wishes if wish.container_id not in fraction_of)
    if unknown:
        return f"there is no container {', '.join(unknown)}"
    return "containers of different fractions are on different plans: ask for one fraction at a time"
