"""A registry that was wrong for a while: readings, newest readings and rollups follow, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.local.processes import Engine
from ingest.decode import decode_message
from models.domain.failures import UserError
from models.sensor_kinds.container_fill import CONTAINER_FILL
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from storage.correction_diff import KindDiff
from storage.corrections import alone
from storage.forecasts import keep_forecast
from storage.latest import rebuild_latest
from storage.ledger import ledger_totals
from storage.maintenance import maintain, refresh_rollups
from storage.plans import plan_inputs, save_plan
from storage.readings import SourceRef, StoredReading, append_readings, latest_readings, reading_history
from storage.registry import import_registry, registry_version, sensor_contexts, things
from storage.registry_content import RegistryMistakes
from storage.registry_correction import correct_readings
from tests.contract import registry_of_containers as files
from tests.contract.registry_of_containers import LONG_AGO
from tests.contract.test_storage_decisions import DAY, INPUTS, _forecast, _plan

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
START = NOW - timedelta(days=30)
MOVED = NOW - timedelta(days=1)
NAMES = ("c-1", "c-2", "c-3")
HOURS = 30 * 24


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


async def _register(storage: asyncpg.Connection, folder: Path) -> None:
    """dev-1 on c-1, dev-2 on c-2; nothing on c-3."""
    await import_registry(
        storage,
        [
            files.containers(folder, NAMES),
            files.sensors(folder, f"dev-1,c-1,{LONG_AGO},", f"dev-2,c-2,{LONG_AGO},"),
            files.geometry(folder, *(f"{name},{LONG_AGO},,2000,0" for name in NAMES)),
        ],
    )


async def _store(storage: asyncpg.Connection, sensor_ids: Sequence[str] = ("dev-1", "dev-2"), *, hours: int = HOURS) -> None:
    """Hourly readings from START on, decoded as the store does."""
    contexts = await sensor_contexts(storage)
    readings = []
    for place, sensor_id in enumerate(sensor_ids):
        for hour in range(hours):
            observed_at = START + timedelta(hours=hour)
            message = files.own_message(sensor_id, _iso(observed_at), observed_at, distance_mm=float(hour % 20 * 95 + 10 + place))
            (reading,) = decode_message(message, contexts).readings
            source = SourceRef(place, hour, 0)
            readings.append(StoredReading(reading, observed_at, source, 1, contexts[sensor_id].registry_version))
    await append_readings(storage, CONTAINER_FILL, readings)


async def _compress(storage: asyncpg.Connection, engine: Engine) -> None:
    if engine == "timescale":
        chunks = await storage.fetch(
            "SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks "
            "WHERE hypertable_name = 'container_fill' AND NOT is_compressed"
        )
        for row in chunks:
            await storage.execute("CALL convert_to_columnstore($1::regclass)", row["chunk"])


async def _all(storage: asyncpg.Connection) -> dict[tuple[str, datetime], asyncpg.Record]:
    rows = await storage.fetch("SELECT * FROM container_fill")
    return {(row["datastream_id"], row["observed_at"]): row for row in rows}


async def _correct(storage: asyncpg.Connection, since: datetime, *, dry_run: bool = False) -> list[KindDiff]:
    return await correct_readings(storage, since, now=datetime.now(UTC), dry_run=dry_run)


async def _rollups_equal_raw(storage: asyncpg.Connection) -> None:
    raw = await storage.fetch(
        """
        SELECT date_trunc('hour', observed_at) AS bucket, datastream_id, thing_id, count(*) AS reading_count,
               round(avg(fill_ratio)::numeric, 9) AS level
        FROM container_fill GROUP BY 1, 2, 3 ORDER BY 1, 2
        """
    )
    rollup = await storage.fetch(
        "SELECT bucket, datastream_id, thing_id, reading_count, round(fill_ratio_avg::numeric, 9) AS level "
        "FROM container_fill_hourly ORDER BY 1, 2"
    )
    assert [tuple(row) for row in rollup] == [tuple(row) for row in raw]


async def _nothing_left_uncompressed(storage: asyncpg.Connection, engine: Engine) -> None:
    if engine == "timescale":
        assert await storage.fetchval(
            "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'container_fill' AND is_compressed"
        )
        assert not await storage.fetchval("SELECT count(*) FROM _timescaledb_catalog.chunk WHERE status & 10 > 0")


async def test_a_wrong_height_of_a_week_changes_exactly_the_readings_of_that_week(
    storage: asyncpg.Connection, engine: Engine, tmp_path: Path
) -> None:
    await _register(storage, tmp_path)
    await _store(storage)
    await refresh_rollups(storage, CONTAINER_FILL)
    await _compress(storage, engine)
    await save_plan(storage, _plan(), INPUTS)
    before = await _all(storage)
    week = NOW - timedelta(days=7)
    lines = files.geometry(tmp_path, f"c-1,{LONG_AGO},{_iso(week)},2000,0", f"c-1,{_iso(week)},,2400,0")
    await import_registry(storage, [lines])

    (seen,) = await _correct(storage, week, dry_run=True)
    assert await _all(storage) == before, "a dry run changes nothing"
    (diff,) = await _correct(storage, week)
    assert diff == seen
    after = await _all(storage)
    assert after.keys() == before.keys()
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {("c-1/fill", START + timedelta(hours=hour)) for hour in range(HOURS - 7 * 24, HOURS)}
    version = await registry_version(storage)
    for key in changed:
        new, old = after[key], before[key]
        assert new["fill_ratio"] == pytest.approx((2400 - new["distance_mm"]) / 2400)
        assert new["registry_version"] == version
        unchanged = [name for name in dict(new) if name not in ("fill_ratio", "registry_version")]
        assert [new[name] for name in unchanged] == [old[name] for name in unchanged]

    assert (diff.looked_at, diff.changed, diff.added, diff.removed) == (168, 168, 0, 0)
    (column,) = diff.columns
    assert (column.name, column.readings) == ("fill_ratio", 168)
    assert column.mean_before == pytest.approx(sum(before[key]["fill_ratio"] for key in changed) / 168)
    assert column.mean_after == pytest.approx(sum(after[key]["fill_ratio"] for key in changed) / 168)
    assert list(diff.things.items()) == [("c-1", START + timedelta(hours=HOURS - 1))]
    await _rollups_equal_raw(storage)
    await _nothing_left_uncompressed(storage, engine)
    newest = {row["datastream_id"]: row for row in await latest_readings(storage, CONTAINER_FILL)}
    last = ("c-1/fill", START + timedelta(hours=HOURS - 1))
    assert newest["c-1/fill"]["fill_ratio"] == after[last]["fill_ratio"] != before[last]["fill_ratio"]
    assert (await ledger_totals(storage)).readings_corrected == 168
    assert await plan_inputs(storage, DAY, "*", "glass", 1) == INPUTS, "what was decided keeps what it was decided from"
    assert await _correct(storage, START) == [], "done again, nothing is left to do"


async def test_a_sensor_moved_yesterday_and_registered_today_takes_its_readings_along(
    storage: asyncpg.Connection, engine: Engine, tmp_path: Path
) -> None:
    await _register(storage, tmp_path)
    await import_registry(storage, [files.geometry(tmp_path, f"c-3,{LONG_AGO},,4000,0")])
    await _store(storage)
    await refresh_rollups(storage, CONTAINER_FILL)
    await _compress(storage, engine)
    await import_registry(storage, [files.sensors(tmp_path, f"dev-1,c-1,{LONG_AGO},{_iso(MOVED)}", f"dev-1,c-3,{_iso(MOVED)},")])
    (diff,) = await _correct(storage, START)
    assert (diff.changed, diff.added, diff.removed, set(diff.things)) == (24, 0, 0, {"c-1", "c-3"})
    moved = await reading_history(storage, CONTAINER_FILL, "c-3", START, NOW)
    assert [row["observed_at"] for row in moved] == [MOVED + timedelta(hours=hour) for hour in range(24)]
    assert all(row["datastream_id"] == "c-3/fill" for row in moved)
    assert all(row["fill_ratio"] == pytest.approx((4000 - row["distance_mm"]) / 4000) for row in moved)
    assert len(await reading_history(storage, CONTAINER_FILL, "c-1", START, NOW)) == HOURS - 24
    newest = {row["datastream_id"]: row["observed_at"] for row in await latest_readings(storage, CONTAINER_FILL)}
    assert newest == {
        "c-1/fill": MOVED - timedelta(hours=1),
        "c-2/fill": NOW - timedelta(hours=1),
        "c-3/fill": NOW - timedelta(hours=1),
    }
    await _rollups_equal_raw(storage)
    await _nothing_left_uncompressed(storage, engine)
    assert await storage.fetchval("SELECT count(*) FROM withdrawn_reading") == 0


async def test_two_sensors_that_were_exchanged_exchange_their_readings(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await _register(storage, tmp_path)
    await _store(storage)
    before = await _all(storage)
    day = _iso(MOVED)
    exchanged = [f"dev-1,c-1,{LONG_AGO},{day}", f"dev-2,c-2,{LONG_AGO},{day}", f"dev-1,c-2,{day},", f"dev-2,c-1,{day},"]
    await import_registry(storage, [files.sensors(tmp_path, *exchanged)])
    (diff,) = await _correct(storage, MOVED - timedelta(days=3))
    assert (diff.looked_at, diff.changed, diff.removed, diff.conflicts) == (48, 48, 0, [])
    after = await _all(storage)
    assert after.keys() == before.keys()
    for (datastream_id, observed_at), row in after.items():
        other = {"c-1/fill": "c-2/fill", "c-2/fill": "c-1/fill"}[datastream_id]
        source = other if observed_at >= MOVED else datastream_id
        assert row["distance_mm"] == before[source, observed_at]["distance_mm"]


async def test_readings_of_a_sensor_that_was_nowhere_are_withdrawn_and_kept(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await _register(storage, tmp_path)
    await _store(storage, hours=48)
    end = START + timedelta(hours=30)
    await import_registry(storage, [files.sensors(tmp_path, f"dev-1,c-1,{LONG_AGO},{_iso(end)}")])
    (diff,) = await _correct(storage, START)
    assert (diff.looked_at, diff.changed, diff.removed) == (18, 0, 18)
    rows = await storage.fetch("SELECT kind, reading ->> 'distance_mm' AS distance FROM withdrawn_reading")
    assert len(rows) == 18
    assert {row["kind"] for row in rows} == {"container_fill"}
    assert all(row["distance"] is not None for row in rows)
    newest = {row["datastream_id"]: row["observed_at"] for row in await latest_readings(storage, CONTAINER_FILL)}
    assert newest["c-1/fill"] == end - timedelta(hours=1)
    report = await storage.fetchval("SELECT report FROM correction WHERE finished_at IS NOT NULL")
    assert '"removed": 18' in report


async def test_a_reading_that_meets_another_one_gives_way_to_it(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await _register(storage, tmp_path)
    await _store(storage, hours=24)
    # dev-2 was never on c-2 but also on c-1 for a while when dev-1 was there: impossible, so the registry refuses it at one time; here
    # dev-1's readings stay on c-1 because they are stored under an older assignment that ended before.
    noon = _iso(START + timedelta(hours=12))
    await import_registry(
        storage, [files.sensors(tmp_path, f"dev-1,c-1,{LONG_AGO},{noon}", f"dev-2,c-2,{LONG_AGO},{noon}", f"dev-2,c-1,{noon},")]
    )
    await storage.execute("UPDATE container_fill SET registry_version = 99 WHERE datastream_id = 'c-1/fill'")
    (diff,) = await _correct(storage, START)
    assert (diff.looked_at, diff.changed, diff.removed, len(diff.conflicts)) == (12, 0, 12, 12)
    assert await storage.fetchval("SELECT count(*) FROM container_fill WHERE datastream_id = 'c-1/fill'") == 24
    assert await storage.fetchval("SELECT count(*) FROM withdrawn_reading") == 12


async def test_only_one_correction_runs_at_a_time(storage: asyncpg.Connection, storage_settings: DatabaseSettings) -> None:
    async with connected(storage_settings, application_name="tests") as other, alone(other):
        with pytest.raises(UserError, match="another correction is running"):
            await _correct(storage, START)
    assert await _correct(storage, START) == []


async def test_newest_readings_can_be_made_again_from_the_readings(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await _register(storage, tmp_path)
    await _store(storage, hours=5)
    right = await latest_readings(storage, CONTAINER_FILL)
    await storage.execute("DELETE FROM container_fill_latest WHERE datastream_id = 'c-1/fill'")
    await storage.execute("UPDATE container_fill_latest SET distance_mm = 1")
    await storage.execute(
        "INSERT INTO container_fill_latest (datastream_id, thing_id, observed_at, received_at, time_source) "
        "VALUES ('c-9/fill', 'c-9', now(), now(), 'device')"
    )
    assert await rebuild_latest(storage, CONTAINER_FILL) == 3
    assert await latest_readings(storage, CONTAINER_FILL) == right
    assert await rebuild_latest(storage, CONTAINER_FILL) == 0


async def test_a_decommissioned_thing_stays_what_it_was_and_its_id_is_not_used_again(
    storage: asyncpg.Connection, tmp_path: Path
) -> None:
    await _register(storage, tmp_path)
    await _store(storage, hours=24)
    gone = _iso(START + timedelta(hours=48))
    with pytest.raises(RegistryMistakes, match="dev-1 is assigned to c-1 beyond"):
        await import_registry(storage, [files.containers(tmp_path, ["c-1"], decommissioned_at=gone)])
    closed = files.sensors(tmp_path, f"dev-1,c-1,{LONG_AGO},{gone}")
    await import_registry(storage, [closed, files.containers(tmp_path, ["c-1"], decommissioned_at=gone)])
    assert [thing.thing_id for thing in await things(storage, "container")] == ["c-2", "c-3"]
    assert len(await reading_history(storage, CONTAINER_FILL, "c-1", START, NOW)) == 24, "its history stays"
    with pytest.raises(RegistryMistakes, match="an id is never used again; give the new container"):
        await import_registry(storage, [files.containers(tmp_path, ["c-1"], capacity_l=3000)])
    with pytest.raises(RegistryMistakes, match="an id is never used again for something else"):
        await import_registry(storage, [files.containers(tmp_path, ["c-2"], type="bridge")])


async def test_inputs_of_a_decision_outlive_the_readings_it_was_made_from(
    storage: asyncpg.Connection, engine: Engine, tmp_path: Path
) -> None:
    await _register(storage, tmp_path)
    await _store(storage, hours=48)
    await save_plan(storage, _plan().model_copy(update={"made_at": datetime.now(UTC)}), INPUTS)
    await keep_forecast(storage, _forecast().model_copy(update={"known_at": datetime.now(UTC)}), kept_for="plan")
    if engine == "timescale":
        await storage.execute("SELECT drop_chunks('container_fill', now())")
    else:
        await storage.execute("DELETE FROM container_fill")
    await maintain(storage, now=datetime.now(UTC) + timedelta(days=700))
    assert await storage.fetchval("SELECT count(*) FROM container_fill") == 0
    assert await plan_inputs(storage, DAY, "*", "glass", 1) == INPUTS
    assert await storage.fetchval("SELECT count(*) FROM forecast_kept WHERE kept_for = 'plan'") == 1
    await maintain(storage, now=datetime.now(UTC) + timedelta(days=740))
    assert await storage.fetchval("SELECT count(*) FROM decision_input") == 0, "past their retention they go"
