"""Forecasts, emptyings, plans with their inputs, requests and the outbox."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from models.domain.forecast import Emptying, ForecastEvidence, InflowForecast
from models.domain.plan import (
    CollectionPlan,
    ContainerDecision,
    CostedSchedule,
    DecisionRule,
    Route,
    Visit,
    VisitKind,
)
from models.domain.plan_day import CrewReport, CrewWord, DayState, StateChange, Wish, WishKind
from models.sensor_kinds.container_fill import CONTAINER_FILL
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from storage.crew_reports import append_reports, collections_reported, reports_of
from storage.forecasts import (
    containers_not_kept,
    current_forecast,
    current_forecasts,
    emptyings,
    keep_forecast,
    keep_forecasts,
    keep_nightly,
    kept_forecasts,
    kept_forecasts_of,
    replace_current_forecast,
    replace_current_forecasts,
    replace_emptyings,
)
from storage.outbox import mark_sent, unsent_messages
from storage.plan_days import disrupted_days, disrupted_spans, mark_disrupted, save_wish, wishes_of, withdraw_wish
from storage.plans import (
    answer_plan_request,
    latest_plan,
    newest_plan_date,
    plan_inputs,
    plan_of,
    plan_request,
    plan_requests,
    plans_of,
    request_plan,
    save_plan,
)
from storage.readings import append_readings
from tests.contract.sample_readings import stored

pytestmark = pytest.mark.servers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = date(2026, 3, 2)


def _forecast(container_id: str = "c-1", *, hours: int = 0, level: float = 0.4) -> InflowForecast:
    cutoff = NOW + timedelta(hours=hours)
    return InflowForecast(
        container_id=container_id,
        forecaster="empirical",
        forecaster_version="1",
        cutoff=cutoff,
        known_at=cutoff,
        level_at_cutoff=level,
        level_sd=0.07,
        level_sd_above=0.31,
        emptied_unseen=0.4,
        level_observed_at=cutoff,
        quantiles=(0.1, 0.5, 0.9),
        horizon_hours=(24, 48),
        inflow_quantiles=((0.0, 0.1), (0.1, 0.2), (0.2, 0.35)),
        data_grade="good",
        basis="30 days of its own",
        level_after_emptying=0.05,
        level_after_sd=0.03,
        after_collection_spread=(0.8, 1.25),
        day_profile=(0.0,) * 8 + (1 / 16,) * 16,
        model_grade="full",
        evidence=ForecastEvidence(
            last_good_level=level,
            last_good_at=cutoff,
            rate_now_per_day=0.02,
            rate_usual_per_day=0.03,
            weekday_rates=(0.03,) * 7,
            emptied_at=None,
            suspect_share=0.0,
            days_of_data=30.0,
            members={"own past": 0.25, "global model": 0.75},
            doubts=("the level sensor is silent",),
            deposits_since_emptying=38,
            litres_per_deposit=29.1,
        ),
    )


async def test_a_forecast_without_evidence_comes_back_without(storage: asyncpg.Connection) -> None:
    plain = _forecast().model_copy(update={"evidence": None, "model_grade": "fallback"})
    await replace_current_forecast(storage, plain)
    assert await current_forecast(storage, "c-1") == plain


async def test_what_a_nightly_run_still_has_to_do_is_found_from_what_is_kept(storage: asyncpg.Connection) -> None:
    for container in ("c-1", "c-2", "c-3"):
        await storage.execute(
            "INSERT INTO thing (thing_id, thing_type, name, latitude, longitude, district, simulated, properties) "
            "VALUES ($1, 'container', $1, 52, 5, '', true, '{}')",
            container,
        )
    await append_readings(storage, CONTAINER_FILL, [stored(0, thing_id=name) for name in ("c-1", "c-2")])
    await keep_forecasts(storage, [_forecast("c-1"), _forecast("c-2", hours=-24)])
    await keep_forecast(storage, _forecast("c-2"), kept_for="plan")
    assert await containers_not_kept(storage, since=NOW) == ["c-2"], "c-3 has never been read"
    assert await kept_forecasts_of(storage, ["c-2"], since=NOW - timedelta(days=2), until=NOW) == [_forecast("c-2", hours=-24)]
    assert await kept_forecasts_of(storage, ["c-2"], since=NOW, until=NOW + timedelta(days=2)) == []


async def test_the_current_forecast_is_replaced_but_never_by_an_older_one(storage: asyncpg.Connection) -> None:
    assert await current_forecast(storage, "c-1") is None
    await replace_current_forecast(storage, _forecast())
    assert await current_forecast(storage, "c-1") == _forecast()
    await replace_current_forecasts(storage, [_forecast("c-2"), _forecast(hours=1, level=0.5)])
    await replace_current_forecast(storage, _forecast(hours=0, level=0.9))
    assert await current_forecasts(storage) == [_forecast(hours=1, level=0.5), _forecast("c-2")]


async def test_kept_forecasts_stay_and_are_kept_once(storage: asyncpg.Connection) -> None:
    for _ in range(2):
        await keep_forecast(storage, _forecast())
    await keep_forecast(storage, _forecast(hours=24))
    await keep_forecast(storage, _forecast(), kept_for="plan")
    assert await kept_forecasts(storage, since=NOW, until=NOW + timedelta(hours=24)) == [_forecast()]
    assert await storage.fetchval("SELECT count(*) FROM forecast_kept") == 3


async def test_a_nightly_forecast_is_kept_once_a_night_whoever_comes_first(storage: asyncpg.Connection) -> None:
    night = NOW - timedelta(hours=1)
    await keep_forecast(storage, _forecast(hours=-24))
    await keep_forecast(storage, _forecast(), kept_for="plan")
    for hours in (1, 2, 0):
        async with storage.transaction():
            await keep_nightly(storage, [_forecast(hours=hours), _forecast("c-2", hours=hours)], night=night)
    kept = await kept_forecasts(storage, since=night, until=NOW + timedelta(days=1))
    assert kept == [_forecast(hours=1), _forecast("c-2", hours=1)], "the night before and plans keep theirs"


async def test_emptyings_are_replaced_from_a_moment_on(storage: asyncpg.Connection) -> None:
    def emptying(day: int, level: float) -> Emptying:
        before = NOW + timedelta(days=day)
        return Emptying(container_id="c-1", after=before - timedelta(hours=1), before=before, level_before=level, level_after=0.02)

    await replace_emptyings(storage, "c-1", NOW, [emptying(0, 0.5), emptying(7, 0.6), emptying(14, 0.7)])
    await replace_emptyings(storage, "c-2", NOW, [])
    await replace_emptyings(storage, "c-1", NOW + timedelta(days=7), [emptying(8, 0.9)])
    assert await emptyings(storage, "c-1", NOW) == [emptying(0, 0.5), emptying(8, 0.9)]
    assert await emptyings(storage, "c-1", NOW + timedelta(days=1)) == [emptying(8, 0.9)]


def _plan(fraction: str = "glass", *, day: date = DAY, seed: int = 1) -> CollectionPlan:
    stop = Visit(kind=VisitKind.STOP, place_id="s-1", container_ids=("c-1",), arrival_s=30_000, departure_s=30_150, load_l=2000)
    depot = Visit(kind=VisitKind.DEPOT, place_id="d-1", arrival_s=28_000, departure_s=28_000, load_l=0)
    on = ContainerDecision(
        container_id="c-1", collected=True, rule=DecisionRule.REQUIRED, truck_id="t-1", level_now=0.8, level_observed_at=NOW,
        overflow_probability=0.4, prize=80.0, detour_m=900, reason="full on Tuesday with a chance of 40 %",
    )  # fmt: skip
    off = on.model_copy(update={"container_id": "c-2", "collected": False, "rule": DecisionRule.NO_DATA, "truck_id": None})
    return CollectionPlan(
        plan_date=day, district="*", fraction=fraction, revision=0, made_at=NOW, seed=seed, iterations=500, matrix_source="streets",
        routes=(Route(truck_id="t-1", visits=(depot, stop, depot), distance_m=12_000, duration_s=7200, path=((52.3, 5.2),)),),
        decisions=(on, off), fixed_schedule=CostedSchedule(trucks=2, stops=9, distance_m=30_000, duration_s=20_000), check_failures=(),
    )  # fmt: skip


INPUTS = {"matrix": {"distance_m": [[0, 5], [5, 0]]}, "registry_version": 3, "packages": {"pyvrp": "0.14.1"}}


async def test_a_plan_comes_back_with_its_inputs_and_leaves_through_the_outbox(storage: asyncpg.Connection) -> None:
    assert await newest_plan_date(storage) is None
    assert await save_plan(storage, _plan(), INPUTS) == 1
    saved = _plan().model_copy(update={"revision": 1})
    assert await plans_of(storage, DAY) == [saved]
    assert await newest_plan_date(storage) == DAY
    assert await plan_inputs(storage, DAY, "*", "glass", 1) == INPUTS
    (message,) = await unsent_messages(storage, "plans")
    assert CollectionPlan.model_validate(message.payload) == saved
    row = await storage.fetchrow("SELECT * FROM plan")
    assert (row["truck_count"], row["stop_count"], row["distance_m"], row["fixed_stop_count"]) == (1, 1, 12_000, 9)
    decisions = await storage.fetch("SELECT container_id, collected, rule, reason FROM plan_decision ORDER BY container_id")
    assert [(row["container_id"], row["collected"], row["rule"]) for row in decisions] == [
        ("c-1", True, "required"),
        ("c-2", False, "no_data"),
    ]
    await mark_sent(storage, [message.outbox_id])
    assert await unsent_messages(storage, "plans") == []


async def test_a_plan_of_a_newer_release_is_read_without_what_this_one_does_not_know(storage: asyncpg.Connection) -> None:
    await save_plan(storage, _plan(), INPUTS)
    await storage.execute(
        """UPDATE plan SET document = jsonb_set(jsonb_set(document::jsonb, '{of_a_newer_release}', '1'), '{decisions,0,of_a_newer_release}', '2')"""
    )
    assert await plans_of(storage, DAY) == [_plan().model_copy(update={"revision": 1})]


async def test_a_new_plan_of_a_day_is_a_new_revision_and_the_newest_counts(storage: asyncpg.Connection) -> None:
    assert [await save_plan(storage, _plan(seed=seed), INPUTS) for seed in (1, 2)] == [1, 2]
    assert await save_plan(storage, _plan("paper"), INPUTS) == 1
    assert await save_plan(storage, _plan(day=DAY + timedelta(days=1)), {}) == 1
    assert [(plan.fraction, plan.revision, plan.seed) for plan in await plans_of(storage, DAY)] == [
        ("glass", 2, 2),
        ("paper", 1, 1),
    ]
    first = await plan_of(storage, DAY, "*", "glass", 1)
    newest = await plan_of(storage, DAY, "*", "glass")
    assert first is not None
    assert newest is not None
    assert (first.seed, newest.seed) == (1, 2)
    assert await plan_of(storage, DAY, "*", "textile") is None
    assert await storage.fetchval("SELECT count(*) FROM decision_input") == len(INPUTS), "each content is stored once"


async def test_the_latest_plan_with_a_tour_of_some_days_is_found(storage: asyncpg.Connection) -> None:
    days = [DAY + timedelta(days=number) for number in range(4)]
    for day, seed in ((days[0], 1), (days[1], 2), (days[1], 3)):
        await save_plan(storage, _plan(day=day, seed=seed), {})
    await save_plan(storage, _plan(day=days[2]).model_copy(update={"routes": ()}), {})
    found = await latest_plan(storage, "*", "glass", days[0], days[3])
    assert found is not None
    assert (found.plan_date, found.revision, found.seed) == (days[1], 2, 3)
    assert await latest_plan(storage, "*", "glass", days[2], days[3]) is None
    assert await latest_plan(storage, "*", "paper", days[0], days[3]) is None


async def test_plans_saved_at_the_same_time_get_different_revisions(
    storage: asyncpg.Connection, storage_settings: DatabaseSettings
) -> None:
    async def save(seed: int) -> int:
        async with connected(storage_settings, application_name="tests") as connection:
            return await save_plan(connection, _plan(seed=seed), INPUTS)

    assert sorted(await asyncio.gather(*(save(seed) for seed in range(5)))) == [1, 2, 3, 4, 5]


async def test_a_plan_that_fails_to_save_leaves_no_message(storage: asyncpg.Connection) -> None:
    twice = _plan().model_copy(update={"decisions": _plan().decisions[:1] * 2})
    with pytest.raises(asyncpg.UniqueViolationError):
        await save_plan(storage, twice, INPUTS)
    assert await unsent_messages(storage, "plans") == []
    assert await plans_of(storage, DAY) == []


async def test_a_request_is_taken_by_one_planner_and_answered(
    storage: asyncpg.Connection, storage_settings: DatabaseSettings
) -> None:
    request_id = await request_plan(storage, DAY, fraction="glass", asked_by="api")
    async with storage.transaction():
        (mine,) = await plan_requests(storage)
        async with connected(storage_settings, application_name="tests") as other, other.transaction():
            assert await plan_requests(other) == []
        assert (mine.request_id, mine.plan_date, mine.fraction, mine.district) == (request_id, DAY, "glass", "*")
        await answer_plan_request(storage, request_id, revision=4)
    assert await plan_requests(storage) == []
    answered = await plan_request(storage, request_id)
    assert answered is not None
    assert answered.revision == 4
    assert answered.answered_at is not None
    assert await plan_request(storage, request_id + 1) is None


async def test_a_crews_report_is_stored_once_and_counts_as_a_collection(storage: asyncpg.Connection) -> None:
    done = CrewReport(report_id=uuid4(), word=CrewWord.DONE, container_id="c-1", said_at=NOW)
    skipped = CrewReport(report_id=uuid4(), word=CrewWord.SKIPPED, container_id="c-2", said_at=NOW, reason="no access")
    moved = CrewReport(report_id=uuid4(), word=CrewWord.REORDERED, said_at=NOW, reason="traffic", order=("c-2", "c-1"))
    assert await append_reports(storage, DAY, "t-1", [done, skipped, moved], NOW) == 3
    assert await append_reports(storage, DAY, "t-1", [done, moved], NOW + timedelta(hours=1)) == 0
    assert {item.report for item in await reports_of(storage, DAY)} == {done, skipped, moved}
    assert await reports_of(storage, DAY, "t-2") == []
    since, until = NOW - timedelta(days=1), NOW + timedelta(days=1)
    assert await collections_reported(storage, ["c-1", "c-2"], since, until) == {"c-1": [NOW.timestamp()]}


async def test_a_disrupted_day_is_left_out_of_histories_once_the_day_after_is_over(storage: asyncpg.Connection) -> None:
    note = StateChange(plan_date=DAY, state=DayState.DRAFT, role="planner", at=NOW, note="snow")
    await mark_disrupted(storage, note)
    await mark_disrupted(storage, note.model_copy(update={"note": "more snow"}))
    assert await disrupted_days(storage) == {DAY: "more snow"}
    since = NOW - timedelta(days=5)
    assert await disrupted_spans(storage, since, NOW + timedelta(days=2)) == []
    ((begin, end),) = await disrupted_spans(storage, since, NOW + timedelta(days=3))
    assert datetime.fromtimestamp(begin, UTC) == datetime(2026, 3, 1, 23, tzinfo=UTC)
    assert end - begin == 86_400


async def test_a_later_wish_replaces_an_earlier_one(storage: asyncpg.Connection) -> None:
    pin = Wish(plan_date=DAY, kind=WishKind.PIN, container_id="c-1", truck_id="t-1", at=NOW, price_m=900, price_cost=2.5)
    ban = Wish(plan_date=DAY, kind=WishKind.FORBID, container_id="c-1", at=NOW + timedelta(minutes=5))
    await save_wish(storage, pin)
    assert await wishes_of(storage, DAY) == [pin]
    await save_wish(storage, ban)
    assert await wishes_of(storage, DAY) == [ban]
    await withdraw_wish(storage, ban)
    assert await wishes_of(storage, DAY) == []
