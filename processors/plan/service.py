"""The plan service: makes the coming day's plans once forecasts are there, renews them in the early morning, answers requests.

What it makes goes through the independent check and is stored with what it was made from. A plan with check failures is stored
too, with its failures: nobody is to drive it, and everybody can see why. Two planners of one plan make two revisions of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from models.domain.failures import TransientError, UserError
from models.domain.plan import CollectionPlan
from processors.plan.calendar import collection_weekdays, moment, next_collection_day
from processors.plan.day import fraction_days
from processors.plan.inputs import City, CityReader, kept_inputs
from processors.plan.planner import FractionDay, Planned, plan_fraction
from processors.routing.roads import RoadProfile
from runtime import logs, metrics
from runtime.clock import Clock
from runtime.postgres import open_pool
from runtime.service import ServiceContext
from runtime.settings import CitySettings, DatabaseSettings, PlanSettings
from storage.forecasts import keep_forecast
from storage.plans import PlanRequest, answer_plan_request, plan_requests, plans_of, save_plan

READY_SHARE = 0.8
"""So many of the containers need a forecast before the day is planned without being asked."""


async def main(context: ServiceContext) -> None:
    """Runs until `context.stop` is set. A database out of reach at start ends the process, for its supervisor."""
    pool = await open_pool(context.settings(DatabaseSettings), application_name=context.name)
    try:
        planner = Planner(pool, context.settings(PlanSettings), context.settings(CitySettings), context.clock)
        service = PlanService(context, pool, planner)
        await service.run()
    finally:
        await pool.close()


@dataclass(frozen=True, slots=True)
class Made:
    """A stored plan, and what it was solved on."""

    plan: CollectionPlan
    planned: Planned


class Planner:
    """Reads a city, plans its fractions one after the other, stores each as it is ready. Used by the service and the command."""

    def __init__(self, pool: asyncpg.Pool, settings: PlanSettings, city: CitySettings, clock: Clock) -> None:
        self._pool = pool
        self.settings = settings
        self.zone = city.zone
        self.clock = clock
        self._reader = CityReader()
        self._log = logs.get_logger()

    async def read(self) -> City:
        """The city as of now."""
        async with self._pool.acquire() as connection:
            return await self._reader.read(connection)

    async def make(self, day: date, fractions: Sequence[str] | None = None) -> list[Made]:
        """Plans the given fractions, or all, of a day, and stores the plans. Raises `UserError` when the registry lacks what a
        plan needs or does not know a fraction."""
        city = await self.read()
        now = self.clock.now()
        days = fraction_days(city.inputs, day, self.settings, self.zone, now)
        unknown = set(fractions or ()) - {item.fraction for item in days}
        if unknown:
            known = ", ".join(item.fraction for item in days)
            raise UserError(f"there are no containers for {', '.join(sorted(unknown))}; the city collects {known}")
        return [await self._make_one(item, city, now) for item in days if not fractions or item.fraction in fractions]

    async def _make_one(self, day: FractionDay, city: City, now: datetime) -> Made:
        started = time.perf_counter()
        planned = await asyncio.to_thread(plan_fraction, day, city.roads, RoadProfile(), self.settings, self.zone, now)
        async with self._pool.acquire() as connection, connection.transaction():
            revision = await save_plan(connection, planned.plan, kept_inputs(planned, day, city, self.settings))
            for judged in day.judgements:
                if judged.usable:
                    await keep_forecast(connection, city.inputs.forecasts[judged.container.thing_id], "plan")
        plan = planned.plan.model_copy(update={"revision": revision})
        seconds = time.perf_counter() - started
        metrics.PLANS_MADE.labels("failed" if plan.check_failures else "passed").inc()
        metrics.PLAN_SECONDS.observe(seconds)
        self._log.info(
            "plan_made",
            plan_date=day.when.plan_date.isoformat(),
            fraction=day.fraction,
            revision=revision,
            trucks=len(plan.routes),
            stops=plan.stop_count,
            distance_m=plan.distance_m,
            check_failures=len(plan.check_failures),
            seconds=round(seconds, 2),
        )
        return Made(plan, planned)

    async def missing(self, now: datetime) -> list[tuple[date, list[str]]]:
        """Days with the fractions that want a plan now: the coming collection day's that have none, and today's that were made before
        the hour at which they are renewed. Empty until enough containers have a forecast."""
        city = await self.read()
        with_forecast = sum(1 for item in city.inputs.containers if item.thing_id in city.inputs.forecasts)
        if not city.inputs.trucks or with_forecast < max(1, READY_SHARE * len(city.inputs.containers)):
            return []
        fractions = sorted({str(item.fraction) for item in city.inputs.containers})
        today = now.astimezone(self.zone).date()
        renewed_from = moment(today, self.settings.plan_hour * 3600, self.zone)
        shift_begins = moment(today, min(truck.shift_start_s for truck in city.inputs.trucks), self.zone)
        wanted = []
        async with self._pool.acquire() as connection:
            made = {plan.fraction: plan.made_at for plan in await plans_of(connection, today)}
            if renewed_from <= now < shift_begins:
                wanted.append((today, [name for name in fractions if made.get(name, now) < renewed_from or name not in made]))
            coming = next_collection_day(today, collection_weekdays(self.settings.plan_weekdays))
            known = {plan.fraction for plan in await plans_of(connection, coming)}
            wanted.append((coming, [name for name in fractions if name not in known]))
        return [(day, names) for day, names in wanted if names]


class PlanService:
    """The loop: requests first, then what the schedule wants."""

    def __init__(self, context: ServiceContext, pool: asyncpg.Pool, planner: Planner) -> None:
        self._context = context
        self._pool = pool
        self._planner = planner
        self._log = logs.get_logger()
        self._said = ""

    async def run(self) -> None:
        """Looks every few seconds until stop. A database out of reach is waited for; a contradictory registry is said once."""
        while not self._context.stop.is_set():
            try:
                await self.answer_requests()
                await self.make_missing()
                self._said = ""
            except TransientError as error:
                self._say("plan_postponed", str(error))
            except UserError as error:
                self._say("plan_impossible", str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._context.stop.wait(), self._planner.settings.plan_poll_seconds)

    async def make_missing(self) -> int:
        """Makes the plans that the schedule wants, one fraction at a time so that a stop is soon; says how many."""
        count = 0
        for day, fractions in await self._planner.missing(self._context.clock.now()):
            for fraction in fractions:
                if self._context.stop.is_set():
                    return count
                count += len(await self._planner.make(day, [fraction]))
        return count

    async def answer_requests(self) -> int:
        """Answers what somebody asked for; says how many. A request that cannot be met gets the sentence that says why."""
        answered = 0
        while not self._context.stop.is_set():
            async with self._pool.acquire() as connection:
                requests = await plan_requests(connection, limit=1)
            if not requests:
                break
            revision, failure = await self._answer(requests[0])
            async with self._pool.acquire() as connection:
                await answer_plan_request(connection, requests[0].request_id, revision=revision, failure=failure)
            answered += 1
        return answered

    async def _answer(self, request: PlanRequest) -> tuple[int | None, str | None]:
        """The newest revision made, or the sentence on why there is none."""
        try:
            if request.district != "*":
                raise UserError(f"plans are made for the whole city, not for district {request.district}: ask for *")
            made = await self._planner.make(request.plan_date, None if request.fraction == "*" else [request.fraction])
        except UserError as error:
            return None, str(error)
        return max(item.plan.revision for item in made), None

    def _say(self, event: str, reason: str) -> None:
        """Logs a reason once for as long as it stays the same."""
        if reason != self._said:
            self._log.warning(event, reason=reason)
            self._said = reason
