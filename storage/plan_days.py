"""The planner's day: its states, what was asked of it, what happened on it, and the days that are left out of learning."""

from __future__ import annotations

from datetime import date, datetime

import asyncpg
import orjson

from models.domain.failures import UserError
from models.domain.plan import CollectionPlan, DecisionRule
from models.domain.plan_day import (
    DayEvent,
    DayState,
    HandedOut,
    Handout,
    StateChange,
    Wish,
    check_step,
    day_result,
    handout,
    state_of,
)
from storage.crew_reports import reports_of
from storage.plans import plan_of, plans_of


async def state_changes(connection: asyncpg.Connection, plan_date: date) -> list[StateChange]:
    """The steps of a day, in order."""
    rows = await connection.fetch(
        "SELECT plan_date, state, role, at, revisions, note FROM plan_day_state WHERE plan_date = $1 ORDER BY change_id", plan_date
    )
    return [StateChange(**{**dict(row), "revisions": orjson.loads(row["revisions"])}) for row in rows]


async def append_state(connection: asyncpg.Connection, change: StateChange) -> None:
    """Takes a day one step further. Raises `UserError` for a step that cannot be; two at
    the same time wait for each other."""
    async with connection.transaction():
        await _one_at_a_time(connection, change.plan_date)
        check_step(state_of(await state_changes(connection, change.plan_date)), change.state, change.plan_date)
        await _insert_state(connection, change)


async def ensure_draft(connection: asyncpg.Connection, change: StateChange) -> bool:
    """Notes the first draft of a day; says whether it was the first."""
    async with connection.transaction():
        await _one_at_a_time(connection, change.plan_date)
        if await state_changes(connection, change.plan_date):
            return False
        await _insert_state(connection, change)
    return True


async def _one_at_a_time(connection: asyncpg.Connection, plan_date: date) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"plan day {plan_date.isoformat()}")


async def _insert_state(connection: asyncpg.Connection, change: StateChange) -> None:
    await connection.execute(
        "INSERT INTO plan_day_state (plan_date, state, role, at, revisions, note) VALUES ($1, $2, $3, $4, $5, $6)",
        change.plan_date,
        change.state.value,
        change.role,
        change.at,
        orjson.dumps(change.revisions).decode(),
        change.note,
    )


async def release_day(
    connection: asyncpg.Connection,
    plan_date: date,
    *,
    role: str,
    now: datetime,
    release_by: datetime,
    late: bool = False,
    shadow: bool = False,
) -> StateChange:
    """Releases the newest plans of a day: they are what crews get. Raises `UserError` without a plan, for one that failed the check,
    once the fixed schedule is handed out, unless it is to be taken back (`late`), and always in shadow mode."""
    if shadow:
        raise UserError(
            f"the city is in shadow mode (STADSPULS_PLAN_SHADOW): the plans of {plan_date.isoformat()} are scored and never handed out"
        )
    plans = await plans_of(connection, plan_date)
    if not plans:
        raise UserError(f"there is no plan for {plan_date.isoformat()} to release: make one with stadspuls plan --date {plan_date}")
    failed = [f"{plan.fraction} revision {plan.revision}" for plan in plans if plan.check_failures]
    if failed:
        raise UserError(f"{', '.join(failed)} did not pass the check and cannot be released: make the plan again")
    changes = await state_changes(connection, plan_date)
    given = handout(changes, now, release_by, plan_date)
    if given.what is HandedOut.FIXED_SCHEDULE and not late:
        raise UserError(f"{given.sentence} To take it back and hand out the plan, release it with --late and tell the crews")
    change = StateChange(
        plan_date=plan_date,
        state=DayState.RELEASED,
        role=role,
        at=now,
        revisions={f"{plan.district}/{plan.fraction}": plan.revision for plan in plans},
        note="released late, after the fixed schedule had been handed out" if given.what is HandedOut.FIXED_SCHEDULE else "",
    )
    await append_state(connection, change)
    return change


async def handed_out_plans(connection: asyncpg.Connection, given: Handout, plan_date: date) -> list[CollectionPlan]:
    """The plans behind what is handed out: the released revisions, else the newest ones, whose fixed routes count."""
    if given.what is not HandedOut.PLAN:
        return await plans_of(connection, plan_date)
    found = []
    for name, revision in sorted(given.revisions.items()):
        district, fraction = name.split("/", 1)
        plan = await plan_of(connection, plan_date, district, fraction, revision)
        if plan is not None:
            found.append(plan)
    return found


async def close_day(
    connection: asyncpg.Connection, plan_date: date, *, role: str, now: datetime, release_by: datetime, shadow: bool = False
) -> StateChange:
    """Closes a driven day with what came of it."""
    given = handout(await state_changes(connection, plan_date), now, release_by, plan_date, shadow=shadow)
    plans = await handed_out_plans(connection, given, plan_date)
    fixed = given.what is not HandedOut.PLAN
    routes = [route for plan in plans for route in (plan.fixed_routes if fixed else plan.routes)]
    planned = [name for route in routes for visit in route.visits for name in visit.container_ids]
    # What crews left standing is on no tour of a re-plan, and was planned all the same.
    planned += [
        item.container_id for plan in plans for item in plan.decisions if item.rule is DecisionRule.LEFT_BY_CREW and not fixed
    ]
    reports = [stored.report for stored in await reports_of(connection, plan_date)]
    change = StateChange(
        plan_date=plan_date, state=DayState.CLOSED, role=role, at=now, note=day_result(planned, reports).sentence()
    )
    await append_state(connection, change)
    return change


async def save_wish(connection: asyncpg.Connection, wish: Wish) -> None:
    """Saves what a planner asks of a container on a day; an earlier wish for it is withdrawn."""
    async with connection.transaction():
        await withdraw_wish(connection, wish)
        fields = wish.model_dump()
        names = tuple(fields)
        parameters = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        await connection.execute(f"INSERT INTO plan_wish ({', '.join(names)}) VALUES ({parameters})", *fields.values())


async def withdraw_wish(connection: asyncpg.Connection, wish: Wish) -> None:
    """Takes back what was asked of the wish's container."""
    await connection.execute(
        "UPDATE plan_wish SET withdrawn_at = $3 WHERE plan_date = $1 AND container_id = $2 AND withdrawn_at IS NULL",
        wish.plan_date,
        wish.container_id,
        wish.at,
    )


async def wishes_of(connection: asyncpg.Connection, plan_date: date) -> list[Wish]:
    """What holds for a day, by container."""
    rows = await connection.fetch(
        f"SELECT {', '.join(Wish.model_fields)} FROM plan_wish WHERE plan_date = $1 AND withdrawn_at IS NULL ORDER BY container_id",
        plan_date,
    )
    return [Wish(**dict(row)) for row in rows]


async def append_event(connection: asyncpg.Connection, event: DayEvent) -> None:
    """Notes what happened during a day."""
    fields = event.model_dump()
    parameters = ", ".join(f"${number}" for number in range(1, len(fields) + 1))
    await connection.execute(f"INSERT INTO plan_day_event ({', '.join(fields)}) VALUES ({parameters})", *fields.values())


async def events_of(connection: asyncpg.Connection, plan_date: date) -> list[DayEvent]:
    """What happened during a day, in order."""
    rows = await connection.fetch(
        f"SELECT {', '.join(DayEvent.model_fields)} FROM plan_day_event WHERE plan_date = $1 ORDER BY event_id", plan_date
    )
    return [DayEvent(**dict(row)) for row in rows]


async def mark_disrupted(connection: asyncpg.Connection, event: StateChange) -> None:
    """Notes that a day is disrupted (`note` says why): it is left out of learning."""
    await connection.execute(
        """
        INSERT INTO disrupted_day (plan_date, reason, role, at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (plan_date) DO UPDATE SET reason = EXCLUDED.reason, role = EXCLUDED.role, at = EXCLUDED.at
        """,
        event.plan_date,
        event.note,
        event.role,
        event.at,
    )


async def disrupted_days(connection: asyncpg.Connection) -> dict[date, str]:
    """Days that are left out of learning, and why."""
    rows = await connection.fetch("SELECT plan_date, reason FROM disrupted_day ORDER BY plan_date")
    return {row["plan_date"]: row["reason"] for row in rows}


async def disrupted_spans(connection: asyncpg.Connection, since: datetime, until: datetime) -> list[tuple[float, float]]:
    """Begin and end of the disrupted days of a time, in seconds since 1970, in the city's time zone; without the day of `until` and
    the one before it, whose levels are still needed."""
    rows = await connection.fetch(
        """
        SELECT extract(epoch FROM plan_date::timestamp AT TIME ZONE zone.value)::double precision AS begin,
               extract(epoch FROM (plan_date + 1)::timestamp AT TIME ZONE zone.value)::double precision AS end
        FROM disrupted_day, (SELECT value FROM schema_setting WHERE name = 'timezone') AS zone
        WHERE plan_date + 1 >= ($1 AT TIME ZONE zone.value)::date AND plan_date < ($2 AT TIME ZONE zone.value)::date - 1
        ORDER BY plan_date
        """,
        since,
        until,
    )
    return [(row["begin"], row["end"]) for row in rows]
