"""Each service's role can do its work and nothing more."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.processes import StackState
from models.domain.district_standing import Standing
from models.domain.plan_day import CrewReport, CrewWord, DayEvent, DayEventKind, DayState, StateChange, Wish, WishKind
from models.domain.shadow import ShadowVisit
from models.sensor_kinds import SENSOR_KINDS
from models.sensor_kinds.container_fill import CONTAINER_FILL
from runtime.postgres import connected
from runtime.settings import DatabaseSettings, load
from storage.crew_reports import append_reports
from storage.dead_letters import append_dead_letters
from storage.district_standings import save_standings
from storage.ledger import LedgerEntry, add_to_ledger, ledger_totals
from storage.outbox import append_once
from storage.plan_days import append_event, append_state, ensure_draft, mark_disrupted, save_wish
from storage.plans import answer_plan_request, plan_request, plan_requests, request_plan
from storage.readings import append_readings, latest_readings
from storage.rollups import rollups
from storage.schema import check_schema
from storage.shadow import replace_shadow_visits, save_district_days
from storage.stream_offsets import advance_offset
from tests.contract.sample_readings import START, stored
from tests.contract.test_storage_dead_letters import _letter
from tests.contract.test_storage_decisions import INPUTS, _forecast, _plan
from tests.contract.test_storage_forecast_models import DESCRIPTION
from tests.contract.test_storage_forecast_scores import DAY, _outcome
from tests.contract.test_storage_shadow import scored

pytestmark = pytest.mark.servers

ROLES = ("store", "forecast", "plan", "api", "grafana")


def _as(role: str, servers: StackState, storage_settings: DatabaseSettings) -> AbstractAsyncContextManager[asyncpg.Connection]:
    settings = load(DatabaseSettings, role, servers.run_dir).model_copy(update={"database_name": storage_settings.database_name})
    return connected(settings, application_name="tests")


@pytest.mark.parametrize("role", ROLES)
async def test_every_role_reads_readings_rollups_and_registry(
    servers: StackState, storage_settings: DatabaseSettings, role: str
) -> None:
    async with _as(role, servers, storage_settings) as connection:
        await check_schema(connection)
        for kind in SENSOR_KINDS:
            await latest_readings(connection, kind)
            for rollup in rollups(kind):
                await connection.fetch(f"SELECT * FROM {rollup.name} LIMIT 1")
        await ledger_totals(connection)
        await connection.fetch("SELECT * FROM thing, map_feature")


async def test_store_appends_but_cannot_change_or_delete_readings(servers: StackState, storage_settings: DatabaseSettings) -> None:
    async with _as("store", servers, storage_settings) as connection, connection.transaction():
        for kind in SENSOR_KINDS:
            await append_readings(connection, kind, [stored(0, kind=kind)])
        await append_dead_letters(connection, [_letter(1)])
        await add_to_ledger(connection, [LedgerEntry(START, "x", messages_received=1, messages_decoded=1)])
        await advance_offset(connection, "store", uuid4(), 0, 0, 1)
        for statement in (
            "DELETE FROM container_fill",
            "UPDATE container_fill SET distance_mm = 0",
            "UPDATE registry_state SET version = 9",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(statement)


async def test_forecast_and_plan_write_their_own_tables(servers: StackState, storage_settings: DatabaseSettings) -> None:
    from storage.forecast_models import save_model, take_model
    from storage.forecast_scores import refresh_scores, save_outcomes
    from storage.forecasts import keep_forecast, replace_current_forecast, replace_emptyings
    from storage.plans import save_plan

    async with _as("forecast", servers, storage_settings) as connection:
        await replace_current_forecast(connection, _forecast())
        await keep_forecast(connection, _forecast())
        await replace_emptyings(connection, "c-1", START, [])
        version = await save_model(
            connection, b"model", "hash", DESCRIPTION, made_at=START, comparison="as good", not_worse=True
        )  # fmt: skip
        await take_model(connection, version, taken_at=START, taken_by="tests", reason="to see")
        await save_outcomes(connection, [_outcome()])
        await refresh_scores(connection, {DAY})
        await refresh_scores(connection, {DAY})
    async with _as("api", servers, storage_settings) as connection:
        request_id = await request_plan(connection, START.date(), asked_by="api")
    async with _as("plan", servers, storage_settings) as connection, connection.transaction():
        assert [item.request_id for item in await plan_requests(connection)] == [request_id]
        await save_plan(connection, _plan(), INPUTS)
        await answer_plan_request(connection, request_id, revision=1)


@pytest.mark.parametrize("role", ["forecast", "plan", "api", "grafana"])
async def test_no_other_role_writes_readings_or_sees_the_bytes_of_dead_letters(
    servers: StackState, storage_settings: DatabaseSettings, role: str
) -> None:
    async with _as(role, servers, storage_settings) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await append_readings(connection, CONTAINER_FILL, [stored(0)])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT payload FROM dead_letter")
        await connection.fetch("SELECT reason, first_seen FROM dead_letter")


async def test_api_and_plan_may_write_what_belongs_to_a_planners_day(
    servers: StackState, storage_settings: DatabaseSettings
) -> None:
    day = START.date()
    draft = StateChange(plan_date=day, state=DayState.DRAFT, role="plan", at=START)
    pin = Wish(plan_date=day, kind=WishKind.PIN, container_id="c-1", at=START)
    done = CrewReport(report_id=uuid4(), word=CrewWord.DONE, container_id="c-1", said_at=START)
    async with _as("plan", servers, storage_settings) as connection:
        assert await ensure_draft(connection, draft)
        await save_wish(connection, pin)
        await save_wish(connection, pin)
        await mark_disrupted(connection, draft)
        await replace_shadow_visits(
            connection, day, ["c-1"], [ShadowVisit(plan_date=day, container_id="c-1", collected_at=None)], START
        )
        for _ in range(2):
            await save_district_days(connection, [scored(1, 0.5)])
            await save_standings(connection, day, [Standing(district="Haven")], {}, START)
        assert await append_once(connection, "alerts", "k", {})
    async with _as("api", servers, storage_settings) as connection:
        await append_state(connection, draft.model_copy(update={"state": DayState.RELEASED}))
        await append_event(connection, DayEvent(plan_date=day, kind=DayEventKind.TRUCK_OUT, subject="t-1", at=START))
        assert await append_reports(connection, day, "t-1", [done], START) == 1
        number = await request_plan(connection, day, asked_by="planner", kind="price", details={"save": False})
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await save_wish(connection, pin)
    async with _as("plan", servers, storage_settings) as connection:
        (request,) = await plan_requests(connection)
        assert (request.request_id, request.kind, request.details) == (number, "price", {"save": False})
        await answer_plan_request(connection, number, answer={"distance_m": 5})
        answered = await plan_request(connection, number)
    assert answered is not None
    assert answered.answer == {"distance_m": 5}
