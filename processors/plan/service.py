"""The plan service: makes the coming day's plans once forecasts are there, renews them in the early morning, answers requests, scores
shadow plans beside it, and alerts when a draft is late.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import asyncpg
from pydantic import ValidationError

from models.domain.failures import TransientError, UserError
from models.domain.plan_day import DayEvent, Wish, moment_of
from processors.plan.calendar import collection_weekdays
from processors.plan.city_planner import Planner, batched
from processors.routing.osrm import ServerAway
from runtime import logs, metrics
from runtime.postgres import open_pool
from runtime.service import ServiceContext
from runtime.settings import CitySettings, DatabaseSettings, PlanSettings
from storage.outbox import append_once
from storage.plans import (
    PlanRequest,
    answer_plan_request,
    has_plans,
    plan_requests,
)


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
class Answer:
    """What a request is answered with."""

    revision: int | None = None
    failure: str | None = None
    answer: dict[str, Any] | None = None


class PlanService:
    """The loop: requests first, then what the schedule wants."""

    def __init__(self, context: ServiceContext, pool: asyncpg.Pool, planner: Planner) -> None:
        self._context = context
        self._pool = pool
        self._planner = planner
        self._scoring: asyncio.Task[int] | None = None
        self._log = logs.get_logger()
        self._said = ""

    async def run(self) -> None:
        """Looks every few seconds until stop. A database out of reach is waited for; a contradictory registry is said once."""
        while not self._context.stop.is_set():
            try:
                await self.answer_requests()
                await self.make_missing()
                await self._planner.shadow.make_missing()
                await self.alert_on_missing_draft()
                self.score_beside()
                self._said = ""
            except TransientError as error:
                self._say("plan_postponed", str(error))
            except UserError as error:
                self._say("plan_impossible", str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._context.stop.wait(), self._planner.settings.plan_poll_seconds)
        if self._scoring is not None:
            self._scoring.cancel()
            await asyncio.gather(self._scoring, return_exceptions=True)

    def score_beside(self) -> None:
        """Scores past days beside the other work, so that no request waits for it. Raises what went wrong in the last scoring; the next
        has begun then."""
        if self._scoring is not None and not self._scoring.done():
            return
        finished, self._scoring = self._scoring, asyncio.create_task(self._planner.shadow.score_missing())
        if finished is not None:
            finished.result()

    async def make_missing(self) -> int:
        """Makes the plans that the schedule wants, as many fractions at a time as are searched side by side, so that a stop is soon;
        says how many."""
        count = 0
        for day, fractions in await self._planner.missing(self._context.clock.now()):
            for several in batched(fractions, self._planner.settings.plan_workers):
                if self._context.stop.is_set():
                    return count
                count += len(await self._planner.make(day, several))
        return count

    async def alert_on_missing_draft(self) -> bool:
        """Says once that a collection day has no draft when it should: a log line, a metric, and a message to other systems."""
        settings, zone = self._planner.settings, self._planner.zone
        now = self._context.clock.now()
        today = now.astimezone(zone).date()
        late = now >= moment_of(today, settings.plan_alert_at, zone)
        if not late or today.weekday() not in collection_weekdays(settings.plan_weekdays):
            metrics.PLAN_DRAFT_MISSING.set(0)
            return False
        async with self._pool.acquire() as connection:
            missing = not await has_plans(connection, today)
            metrics.PLAN_DRAFT_MISSING.set(missing)
            if not missing:
                return False
            sentence = (
                f"There is no draft plan for {today.isoformat()} at {settings.plan_alert_at:%H:%M}. Without a release by "
                f"{settings.plan_release_by:%H:%M} the fixed schedule is handed out."
            )
            payload = {"kind": "plan_draft_missing", "plan_date": today.isoformat(), "sentence": sentence}
            new = await append_once(connection, "alerts", f"plan_draft_missing/{today.isoformat()}", payload)
        if new:
            self._log.error("plan_draft_missing", plan_date=today.isoformat(), reason=sentence)
        return new

    async def answer_requests(self) -> int:
        """Answers what somebody asked for; says how many. A request that cannot be met gets the sentence that says why."""
        answered = 0
        while not self._context.stop.is_set():
            async with self._pool.acquire() as connection:
                requests = await plan_requests(connection, limit=1)
            if not requests:
                break
            found = await self._answer(requests[0])
            async with self._pool.acquire() as connection:
                await answer_plan_request(
                    connection, requests[0].request_id, revision=found.revision, failure=found.failure, answer=found.answer
                )
            answered += 1
        return answered

    async def _answer(self, request: PlanRequest) -> Answer:
        """The newest revision made, a price, or the sentence on why there is none."""
        try:
            if request.kind == "price":
                return await self._priced(request)
            if request.kind == "replan":
                return await self._replanned(request)
            if request.district != "*":
                raise UserError(f"plans are made for the whole city, not for district {request.district}: ask for *")
            made = await self._planner.make(request.plan_date, None if request.fraction == "*" else [request.fraction])
        except (UserError, ServerAway) as error:
            return Answer(failure=str(error))
        except ValidationError as error:
            return Answer(failure=f"the request is wrong: {error.errors()[0]['msg']}")
        return Answer(revision=max(item.plan.revision for item in made))

    async def _replanned(self, request: PlanRequest) -> Answer:
        renewed = await self._planner.replan(DayEvent.model_validate(request.details))
        told = {f"{plan.district}/{plan.fraction}": {"revision": plan.revision, "sentence": plan.verdict} for plan in renewed}
        return Answer(revision=max(plan.revision for plan in renewed), answer=told)

    async def _priced(self, request: PlanRequest) -> Answer:
        asked = [
            Wish(plan_date=request.plan_date, role=request.asked_by, at=self._context.clock.now(), **item)
            for item in request.details["wishes"]
        ]
        wished = await self._planner.wish(request.plan_date, asked, save=bool(request.details.get("save")))
        return Answer(revision=wished.revision, answer=wished.to_json())

    def _say(self, event: str, reason: str) -> None:
        """Logs a reason once for as long as it stays the same."""
        if reason != self._said:
            self._log.warning(event, reason=reason)
            self._said = reason
