"""Models on a real database: fitted from stored readings, served, refused, taken back by command; forecasts scored when truth is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from prometheus_client import REGISTRY

from api.application import make_application
from api.dependencies import Backend
from models.domain.failures import UserError
from models.domain.reading import TimeSource
from models.fill_forecast.artifact import REFUSALS, ArtifactRefused, pack, sha256
from models.fill_forecast.empirical import VERSION as OWN_PAST
from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.history import DAY
from models.fill_forecast.suspects import FULL
from models.sensor_kinds.container_fill import CONTAINER_FILL, ContainerFill
from processors.forecast.refit import refit
from processors.forecast.scoring import ForecastScorer
from processors.forecast.spreading import spread_nightly
from processors.forecast.worker import ForecastWorker
from runtime.city_clock import write_city_clock
from runtime.clock import ManualClock
from runtime.postgres import connected, open_pool
from runtime.settings import CitySettings, DatabaseSettings
from stadspuls.command import app
from storage.forecast_models import model_of, models, save_model, take_model
from storage.forecast_scores import forecast_scores
from storage.forecast_spread import resolved_outcomes
from storage.forecasts import current_forecasts, kept_forecasts, replace_current_forecast
from storage.plans import save_plan
from storage.readings import SourceRef, StoredReading, append_readings
from storage.registry import import_registry
from storage.schema import migrate
from tests.contract.test_storage_decisions import _plan
from tests.integration.raw_topic import write_registry
from tests.unit.fill_forecast.fitted import fitted
from tests.unit.fill_forecast.signals import START, sawtooth

pytestmark = pytest.mark.servers

CONTAINERS = [f"c-s{number}" for number in range(6)]
DAYS = 40
NOW = datetime.fromtimestamp(START + (DAYS - 10) * DAY, UTC)
"""Readings go on for ten days after it: what comes true later."""


@dataclass
class Waste:
    pool: asyncpg.Pool
    settings: DatabaseSettings

    async def forecast(self, at: datetime, *, keep: bool = False) -> Any:
        """A new worker, as after a restart; `known_at` is late, because the readings were stored just now."""
        worker = ForecastWorker(self.pool, history_days=90)
        late = datetime.now(UTC)
        await worker.fit(CONTAINERS, at, late)
        return await worker.forecast(CONTAINERS, at, late, keep=CONTAINERS if keep else ())


@pytest.fixture
async def waste(database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[Waste]:
    async with connected(database, application_name="test") as connection:
        await migrate(connection, timezone="Europe/Amsterdam")
        await import_registry(connection, write_registry(tmp_path, [name.removeprefix("c-") for name in CONTAINERS]))
        for seed, name in enumerate(CONTAINERS):
            signal = sawtooth(seed, days=DAYS, interval_hours=4, per_day=0.3, container_id=name).history
            await append_readings(
                connection,
                CONTAINER_FILL,
                [_reading(name, at, level) for at, level in zip(signal.times, signal.levels, strict=True)],
            )
    pool = await open_pool(database, application_name="test")
    try:
        yield Waste(pool, database)
    finally:
        await pool.close()


def _reading(name: str, at: float, level: float) -> StoredReading:
    moment = datetime.fromtimestamp(float(at), UTC)
    reading = ContainerFill(
        thing_id=name, datastream_id=f"{name}/fill", observed_at=moment, time_source=TimeSource.DEVICE,
        reported_fill_ratio=float(level), fill_ratio=float(level),
    )  # fmt: skip
    return StoredReading(reading, moment, SourceRef(0, 0, 0), 1, 1)


async def _save(waste: Waste, content: bytes, *, digest: str = "", take: bool = True) -> int:
    async with waste.pool.acquire() as connection:
        description = fitted().model.description.model_copy(update={"data_until": NOW - timedelta(days=1)})
        version = await save_model(
            connection, content, digest or sha256(content), description, made_at=NOW, comparison="made by a test", not_worse=True
        )  # fmt: skip
        if take:
            await take_model(connection, version, taken_at=NOW, taken_by="tests", reason="to see")
        return version


async def test_forecasts_are_made_by_the_model_that_was_taken_and_a_refused_one_is_told(waste: Waste) -> None:
    model = fitted().model
    before = replace(model, description=model.description.model_copy(update={"data_until": NOW - timedelta(days=1)}))
    version = await _save(waste, pack(before))
    first = (await waste.forecast(NOW))[0]
    assert (first.model_grade, first.forecaster) == ("full", "weighed_inflow")
    assert first.forecaster_version == f"{version}-{sha256(pack(before))[:8]}"
    old = replace(before, description=before.description.model_copy(update={"scikit_learn": "0.99.1"}))
    await _save(waste, pack(old))
    second = (await waste.forecast(NOW))[0]
    assert (second.model_grade, second.forecaster, second.forecaster_version) == ("fallback", EmpiricalInflow.name, OWN_PAST)
    assert "was fitted under scikit-learn 0.99.1" in second.basis
    async with waste.pool.acquire() as connection:
        stored = await connection.fetch("SELECT DISTINCT model_grade FROM forecast_current")
    assert [row["model_grade"] for row in stored] == ["fallback"]


async def test_that_the_serving_model_is_refused_is_told_for_as_long_as_it_is(waste: Waste) -> None:
    """And not by how often it was counted: that stays as it is from the first moment on."""
    await waste.forecast(NOW)
    assert _refused_now() == dict.fromkeys(REFUSALS, 0.0), "none has been taken: all reasons are there, none is the case"
    before = {reason: _counted(reason) for reason in REFUSALS}
    sound, unsound = pack(fitted().model), _other()
    await _save(waste, sound)
    await waste.forecast(NOW)
    assert _refused_now() == dict.fromkeys(REFUSALS, 0.0)
    version = await _save(waste, unsound, digest="of another content")
    worker = ForecastWorker(waste.pool, history_days=90)
    for _ in range(2):  # a second sweep sees no other model
        await worker.fit(CONTAINERS, NOW, datetime.now(UTC))
        assert _refused_now() == dict.fromkeys(REFUSALS, 0.0) | {"changed": 1.0}
    assert {reason: _counted(reason) - before[reason] for reason in REFUSALS} == dict.fromkeys(REFUSALS, 0.0) | {"changed": 1.0}
    async with waste.pool.acquire() as connection:
        await take_model(connection, version - 1, taken_at=NOW, taken_by="tests", reason="back")
    await worker.fit(CONTAINERS, NOW, datetime.now(UTC))
    assert _refused_now() == dict.fromkeys(REFUSALS, 0.0)


def _refused_now() -> dict[str, float | None]:
    return {
        reason: REGISTRY.get_sample_value("stadspuls_forecast_serving_model_refused", {"reason": reason}) for reason in REFUSALS
    }


def _counted(reason: str) -> float:
    found = REGISTRY.get_sample_value("stadspuls_forecast_model_refused_total", {"reason": reason})
    assert found is not None, "an increase from nothing is none"
    return found


async def test_kept_forecasts_are_scored_once_when_their_truth_was_read(waste: Waste) -> None:
    made = await waste.forecast(NOW, keep=True)
    assert len(made) == len(CONTAINERS)
    scorer = ForecastScorer(waste.pool, truth_wait_hours=6)
    assert await scorer.score(CONTAINERS, NOW + timedelta(hours=7)) == 0, "six hours have ended, and are waited for"
    assert await scorer.score(CONTAINERS, NOW + timedelta(hours=54)) == 3 * len(CONTAINERS)
    assert await scorer.score(CONTAINERS, NOW + timedelta(hours=54)) == 0
    assert await scorer.score(CONTAINERS, NOW + timedelta(days=9)) == 5 * len(CONTAINERS)
    async with waste.pool.acquire() as connection:
        since, until = NOW.date(), (NOW + timedelta(days=12)).date()
        by_horizon = await forecast_scores(connection, since=since, until=until, apart=["horizon_hours"])
        (every,) = await forecast_scores(connection, since=since, until=until, apart=["forecaster", "forecaster_version"])
    assert [item.horizon_hours for item in by_horizon] == [6, 24, 48, 72, 96, 120, 144, 168]
    assert (every.cases, every.forecaster) == (8 * len(CONTAINERS), "empirical_inflow")
    assert 0 < every.pinball < 0.1
    assert 0.4 < every.coverage <= 1
    backend = Backend(waste.pool, ManualClock(NOW + timedelta(days=9)), CitySettings())
    transport = httpx.ASGITransport(app=make_application(backend))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = (await client.get("/v1/forecast-scores", params={"by": ["fraction"]})).json()
        assert [item["cases"] for item in answer["scores"]] == [8 * len(CONTAINERS)]
        assert (await client.get("/v1/forecast-scores", params={"by": "weather"})).status_code == 400
        told = (await client.get(f"/v1/containers/{CONTAINERS[0]}/explanation")).json()
        assert told["model_grade"] == "fallback"
        assert told["members"] == {"own past": 1.0}
        assert "Last good reading" in told["sentence"]
        assert len(told["weekday_rates"]) == 7
        address = f"/v1/containers/{CONTAINERS[0]}/forecast"
        shown = (await client.get(address)).json()
        assert shown["explanation"] == told["sentence"]
        assert len(shown["points"]) == 1 + len(made[0].horizon_hours), "the cutoff and the horizons"
        collected_at = made[0].cutoff + timedelta(days=4, hours=5)
        wanted = {"collectedAt": collected_at.isoformat(), "everyHours": 6}
        drawn = (await client.get(address, params=wanted)).json()["points"]
        moments = [datetime.fromisoformat(point["at"]) for point in drawn]
        assert moments == sorted(set(moments))
        steps = [later - earlier for earlier, later in pairwise(moments)]
        assert max(steps) <= timedelta(hours=6)
        at = moments.index(collected_at)
        before, after = drawn[at - 1]["levels"], drawn[at]["levels"]
        assert steps[at - 1] < timedelta(seconds=1), "both sides of the collection"
        assert before[4] - after[4] > 0.2, "the level falls there at once"
        assert (await client.get("/v1/containers/c-nowhere/explanation")).status_code == 404


async def test_an_explanation_tells_of_the_plans_collection_and_of_given_ones_as_what_they_are(waste: Waste) -> None:
    made = (await waste.forecast(NOW))[0]
    assert made.evidence is not None
    yesterday, tomorrow, later = ((NOW + timedelta(days=number)).date() for number in (-1, 1, 4))
    told_of = made.evidence.model_copy(update={"holidays": (yesterday, later)})
    plan = _plan(day=tomorrow)
    route = plan.routes[0]
    visits = tuple(
        visit.model_copy(update={"container_ids": (made.container_id,)} if visit.container_ids else {}) for visit in route.visits
    )
    async with waste.pool.acquire() as connection:
        await save_plan(connection, plan.model_copy(update={"routes": (route.model_copy(update={"visits": visits}),)}), {})
        await replace_current_forecast(connection, made.model_copy(update={"evidence": told_of}))
    planned = f"collection planned {tomorrow:%a %d %b} 08:20"
    given = NOW + timedelta(days=2)
    at = f"{given.astimezone(CitySettings().zone):%a %d %b %H:%M}"
    transport = httpx.ASGITransport(app=make_application(Backend(waste.pool, ManualClock(NOW), CitySettings())))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://test/v1/containers/{made.container_id}") as client:
        plain = (await client.get("/forecast")).json()
        drawn = (await client.get("/forecast", params={"withPlan": True})).json()
        wanted = {"collectedAt": [given.isoformat(), (NOW - timedelta(days=1)).isoformat()]}
        asked = (await client.get("/forecast", params=wanted)).json()
        told = (await client.get("/explanation")).json()
        assert (await client.get("/forecast", params={"collectedAt": "2026-03-01T10:00:00"})).status_code == 400
    assert f"; {planned}; data" in plain["explanation"]
    assert plain["collections"] == []
    assert plain["explanation"] == drawn["explanation"] == told["sentence"]
    assert len(drawn["collections"]) == 1
    assert f"; {planned}; with a collection given for {at}; data" in asked["explanation"]
    assert [datetime.fromisoformat(moment) for moment in asked["collections"]] == [given]
    assert told["holidays"] == [later.isoformat()]


async def test_scores_are_shown_apart_by_horizon_and_district_and_only_those_of_the_last_four_weeks(waste: Waste) -> None:
    async with waste.pool.acquire() as connection:
        await connection.execute("UPDATE thing SET district = 'Noord' WHERE thing_id = $1", CONTAINERS[0])
    await waste.forecast(NOW, keep=True)
    scorer = ForecastScorer(waste.pool, truth_wait_hours=6)
    await scorer.score(CONTAINERS, NOW + timedelta(days=9))
    six_hours, two_weeks = ({"fraction": "glass", "horizon_hours": hours} for hours in ("6", "336"))
    one, others = {"district": "Noord"}, {"district": ""}
    assert _shown("stadspuls_forecast_cases", {"fraction": "glass"}) == 8 * len(CONTAINERS)
    assert _shown("stadspuls_forecast_horizon_cases", six_hours) == len(CONTAINERS)
    assert _shown("stadspuls_forecast_horizon_coverage", two_weeks) is None, "they have not ended"
    assert [_shown("stadspuls_forecast_district_cases", of) for of in (one, others)] == [8, 8 * (len(CONTAINERS) - 1)]
    assert 0 < (_shown("stadspuls_forecast_district_pinball", one | {"forecaster": "forecaster"}) or 0) < 0.2
    await scorer.score(CONTAINERS, NOW + timedelta(days=40))
    for name in ("", "_horizon", "_district"):
        (metric,) = [item for item in REGISTRY.collect() if item.name == f"stadspuls_forecast{name}_coverage"]
        assert metric.samples == [], "of what is older nothing is shown"


def _shown(name: str, labels: dict[str, str]) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_forecasts_are_spread_once_a_night_by_how_kept_ones_turned_out(waste: Waste) -> None:
    for half_days in range(14):
        await waste.forecast(NOW + timedelta(hours=12 * half_days), keep=True)
    later = NOW + timedelta(days=9)
    await ForecastScorer(waste.pool, truth_wait_hours=6).score(CONTAINERS, later)
    async with waste.pool.acquire() as connection:
        version = await connection.fetchval("SELECT DISTINCT forecaster_version FROM forecast_outcome")
        outcomes = await resolved_outcomes(connection, ("empirical_inflow", version), later, full=FULL)
    assert 0 < outcomes.collected.sum() < len(outcomes), "of windows that begin with a collection, and such that do not"
    night = later - timedelta(hours=1)
    (spread,) = await spread_nightly(waste.pool, now=later, night=night)
    assert (spread.forecaster, spread.version, spread.made_at) == ("empirical_inflow", version, later.timestamp())
    assert spread.cases > 100
    assert spread.factors
    assert await spread_nightly(waste.pool, now=later + timedelta(hours=1), night=night) == [], "tonight's is there"
    before, after = [(await waste.forecast(at, keep=True))[0] for at in (later - timedelta(hours=2), later + timedelta(hours=2))]
    assert before.uncalibrated is None, "it was made later than that forecast's cutoff"
    assert after.uncalibrated is not None
    assert after.inflow_quantiles != after.uncalibrated.inflow_quantiles
    async with waste.pool.acquire() as connection:
        kept = await kept_forecasts(connection, since=later, until=later + timedelta(hours=3))
    assert next(item for item in kept if item.container_id == after.container_id) == after
    async with waste.pool.acquire() as connection:
        await connection.execute(
            "UPDATE forecast_outcome SET forecaster_version = 'of before' WHERE target_at < $1", NOW + timedelta(days=5)
        )
    made = await spread_nightly(waste.pool, now=later + timedelta(days=1), night=later + timedelta(hours=12))
    assert [item.version for item in made] == sorted([version, "of before"]), "each version has its own"
    assert sum(item.cases for item in made) == spread.cases
    assert made[0].factors != made[1].factors


@pytest.mark.slow
async def test_a_model_is_fitted_apart_from_what_is_stored_and_taken_only_if_not_worse(waste: Waste) -> None:
    options: dict[str, Any] = {"containers": 50, "history_days": 90, "taken_by": "tests", "iterations": 5}
    late = datetime.now(UTC)
    done = await refit(waste.pool, now=NOW, known_at=late, **options)
    assert done.model.description.containers == len(CONTAINERS)
    assert done.taken == done.model.not_worse == done.model.serves
    again = await refit(waste.pool, now=NOW, known_at=late, take=False, **options)
    assert again.model.content_sha256 == done.model.content_sha256 or done.taken, "the same readings give the same artifact"
    with pytest.raises(UserError, match="too little to fit a forecast model from"):
        await refit(waste.pool, now=datetime.fromtimestamp(START + 9 * DAY, UTC), known_at=late, **options)
    async with waste.pool.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock(7382645012)")
        with pytest.raises(UserError, match="another process is fitting"):
            await refit(waste.pool, now=NOW, known_at=late, **options)
        await connection.execute("SELECT pg_advisory_unlock(7382645012)")


Run = Callable[..., Awaitable[str]]


@pytest.fixture
def run(waste: Waste, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command on this database, as typed; in a thread, because it starts a loop of its own."""
    settings = waste.settings
    for name in ("host", "port", "name", "user"):
        monkeypatch.setenv(f"STADSPULS_DATABASE_{name.upper()}", str(getattr(settings, f"database_{name}")))
    monkeypatch.setenv("STADSPULS_DATABASE_PASSWORD", settings.database_password.get_secret_value())

    async def typed(*arguments: str) -> str:
        await asyncio.to_thread(app, list(arguments), standalone_mode=False)
        return capsys.readouterr().out

    return typed


async def test_the_forecast_command_lives_by_the_citys_clock_and_knows_when_a_model_is_stale(
    waste: Waste, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A simulated city whose clock stands still at `NOW`, long before the wall clock; a model that learnt until a day before it."""
    clock_file = tmp_path / "city_clock.json"
    write_city_clock(clock_file, NOW, datetime.now(UTC), 0)
    monkeypatch.setenv("STADSPULS_CITY_CLOCK_FILE", str(clock_file))
    model = fitted().model
    await _save(
        waste, pack(replace(model, description=model.description.model_copy(update={"data_until": NOW - timedelta(days=1)})))
    )
    for stale_days, grade in ((2, "full"), (0.5, "stale")):
        monkeypatch.setenv("STADSPULS_FORECAST_MODEL_STALE_DAYS", str(stale_days))
        made = orjson.loads(await run("forecast", "--refresh", "--json"))
        assert {item["container_id"] for item in made} == set(CONTAINERS)
        assert {(datetime.fromisoformat(item["cutoff"]), item["model_grade"]) for item in made} == {(NOW, grade)}
        assert {datetime.fromisoformat(item["level_observed_at"]) for item in made} == {NOW}
        (back,) = orjson.loads(await run("forecast", CONTAINERS[0], "--at", (NOW - timedelta(hours=3)).isoformat(), "--json"))
        assert back["model_grade"] == grade
    later = NOW + timedelta(minutes=10)
    await waste.forecast(later)
    async with waste.pool.acquire() as connection:
        assert {item.cutoff for item in await current_forecasts(connection)} == {later}, "the service goes on from there"


async def test_the_commands_list_show_take_and_go_back(waste: Waste, run: Run) -> None:
    assert "No forecast model has been fitted yet" in await run("model", "list")
    with pytest.raises(UserError, match="no forecast model has been taken yet"):
        await run("model", "show")
    first = await _save(waste, pack(fitted().model))
    second = await _save(waste, b"nothing", take=False)
    shown = await run("model", "show")
    for part in (f"model {first}-", "which serves", "scikit-learn", "sha256", "fits this installation", "own past"):
        assert part in shown
    assert "refused: " in await run("model", "show", str(second))
    with pytest.raises(ArtifactRefused):
        await run("model", "take", str(second))
    with pytest.raises(UserError, match="there is none to go back to"):
        await run("model", "back")
    changed = fitted().model
    third = await _save(waste, pack(changed) + b"", take=False)
    assert third == first, "the same artifact is kept once"
    other = await _save(waste, _other())
    assert f"model {first}-" in await run("model", "back")
    async with waste.pool.acquire() as connection:
        assert (await model_of(connection)).version == first
    assert f"model {other}-" in await run("model", "take", str(other))
    listed = orjson.loads(await run("model", "list", "--json"))
    assert [item["version"] for item in listed if item["serves"]] == [other]
    assert "No forecast of the last 28 days" in await run("forecast", "scores")
    with pytest.raises(UserError, match="told apart by fraction, horizon"):
        await run("forecast", "scores", "--by", "weather")
    async with waste.pool.acquire() as connection:
        assert len(await models(connection)) == 3


def _other() -> bytes:
    """A second artifact that can be loaded."""
    model = fitted().model
    return pack(replace(model, description=model.description.model_copy(update={"seed": 5})))
