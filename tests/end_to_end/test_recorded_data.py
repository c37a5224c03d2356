"""Recordings of others go through MQTT, Kafka and the store like any sensor's readings, once however often they are sent."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from deploy.local import stack
from models.domain.failures import DeadLetterReason
from models.sensor_kinds.bridge_state import BRIDGE_STATE
from models.sensor_kinds.container_fill import CONTAINER_FILL
from models.sensor_kinds.traffic_flow import TRAFFIC_FLOW
from runtime.city_clock import write_city_clock
from runtime.mqtt_publisher import MqttPublisher
from runtime.postgres import connected
from runtime.settings import DatabaseSettings, MqttSettings, load
from storage.dead_letters import dead_letter_counts
from storage.forecasts import current_forecasts
from storage.ledger import LedgerTotals
from storage.reading_counts import stored_count
from storage.readings import reading_history
from storage.registry import sensor_contexts
from tests.end_to_end.books import books, settled_books
from tests.unit.ingest.samples import valid_messages

pytestmark = [pytest.mark.servers, pytest.mark.timeout(500)]

WYNDHAM = (
    "--kind", "container_fill", "--thing-column", "serialNumber", "--prefix", "wyndham-", "--map", "reported_fill_ratio=latestFullness/10",
    "--timezone", "Australia/Melbourne", "--datastream", "fill", "--fraction", "residual", "--capacity-l", "600",
)  # fmt: skip
WYNDHAM_ROWS = 29_357
WYNDHAM_BINS = 31
WYNDHAM_ENDS = datetime(2021, 5, 3, 12, tzinfo=UTC)
DETECTOR = (
    "--kind",
    "traffic_flow",
    "--thing",
    "t4013",
    "--timezone",
    "America/Chicago",
    "--latitude",
    "44.95",
    "--longitude",
    "-93.2",
)
SAMPLES = [message for message in valid_messages() if message.payload]
GARBAGE, VALID = 3_000, 300
BRIDGE = (
    "--kind", "bridge_state", "--thing", "munich-bridge", "--time-column", "Time (-)", "--timezone", "Europe/Berlin", "--window-seconds", "1",
    "--latitude", "48.08", "--longitude", "11.64",
)  # fmt: skip
BRIDGE_FILES = (
    ("strain_100hz.csv", "strain", r"strain_um_m=DMS_CN (um\m)"),
    ("inclination_100hz.csv", "inclination", "inclination_deg=INC-01 [deg]"),
)
SAMPLES_OF_A_FILE = 60_000
OTHER_DETECTOR = tuple(option.replace("t4013", "d6005") for option in DETECTOR)
SPEEDS, OCCUPANCIES, CONFLICTS_EACH = 2_494, 2_499, 1
"""One moment stands twice in each file with different values: the second of each is a dead letter `identity`."""


@pytest.fixture(scope="module")
def run_dir() -> Iterator[Path]:
    """A line of its own whose readings are kept for longer than the recordings are old."""
    folder = Path(tempfile.mkdtemp(prefix="stadspuls-recorded-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STADSPULS_READINGS_RETENTION_DAYS", "5000")
        try:
            stack.up(folder, services=("mqtt-to-kafka", "store"), prometheus=False, owner_pid=os.getpid())
            yield folder
        finally:
            stack.remove(folder)


async def test_wyndham_is_stored_in_full_once_and_every_bin_gets_a_forecast(run_dir: Path, shared_data: Path) -> None:
    file = shared_data / "wyndham/fill_levels.csv"
    _replay(run_dir, file, *WYNDHAM)
    await settled_books(run_dir, WYNDHAM_ROWS)
    assert await _fill_readings(run_dir) == WYNDHAM_ROWS
    assert await _letters(run_dir) == {}

    _replay(run_dir, file, *WYNDHAM)
    totals = await settled_books(run_dir, 2 * WYNDHAM_ROWS)
    assert await _fill_readings(run_dir) == WYNDHAM_ROWS
    assert totals.readings_duplicate == WYNDHAM_ROWS
    assert (totals.messages_imbalance, totals.readings_imbalance) == (0, 0)

    clock = run_dir / "clock.json"
    write_city_clock(clock, WYNDHAM_ENDS, datetime.now(UTC), 0)
    await asyncio.to_thread(
        stack.start_services, run_dir, ["forecast"], environment={"STADSPULS_CITY_CLOCK_FILE": str(clock)}, set_up_first=False
    )
    for _ in range(120):
        found = await _forecasts(run_dir)
        if len(found) == WYNDHAM_BINS:
            break
        await asyncio.sleep(1)
    assert len(found) == WYNDHAM_BINS


async def test_speed_and_occupancy_of_one_detector_at_the_same_seconds_are_both_stored(run_dir: Path, shared_data: Path) -> None:
    before = (await books(run_dir)).messages_received
    folder = shared_data / "traffic-minnesota"
    _replay(run_dir, folder / "speed_t4013.csv", *DETECTOR, "--datastream", "speed", "--map", "speed_km_h=value*1.609344")
    _replay(run_dir, folder / "occupancy_t4013.csv", *DETECTOR, "--datastream", "occupancy", "--map", "occupancy_ratio=value/100")
    await settled_books(run_dir, before + SPEEDS + OCCUPANCIES + 2 * CONFLICTS_EACH)
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        rows = await reading_history(
            connection, TRAFFIC_FLOW, "t4013", datetime(2015, 8, 1, tzinfo=UTC), datetime(2015, 11, 1, tzinfo=UTC)
        )
    speeds = {row["observed_at"] for row in rows if row["speed_km_h"] is not None}
    occupancies = {row["observed_at"] for row in rows if row["occupancy_ratio"] is not None}
    assert (len(speeds), len(occupancies)) == (SPEEDS, OCCUPANCIES)
    assert len(rows) == SPEEDS + OCCUPANCIES
    assert len(speeds & occupancies) > 2_000
    assert await _letters(run_dir) == {DeadLetterReason.IDENTITY: 2 * CONFLICTS_EACH}


@pytest.mark.slow
async def test_the_other_detector_is_stored_in_full(run_dir: Path, shared_data: Path) -> None:
    before, letters_before = (await books(run_dir)).messages_received, sum((await _letters(run_dir)).values())
    folder = shared_data / "traffic-minnesota"
    rows, refused = 0, 0
    for name, mapping in (("speed", "speed_km_h=value*1.609344"), ("occupancy", "occupancy_ratio=value/100")):
        ledger = _replay(run_dir, folder / f"{name}_6005.csv", *OTHER_DETECTOR, "--datastream", name, "--map", mapping)
        assert ledger["rows"] == ledger["messages_sent"] == _lines(folder / f"{name}_6005.csv")
        assert ledger["bad_lines"] == 0
        rows += ledger["readings_expected"]
        refused += sum(ledger["expected_dead_letters"].values())
    totals = await settled_books(run_dir, before + _lines(folder / "speed_6005.csv") + _lines(folder / "occupancy_6005.csv"))
    assert (totals.messages_imbalance, totals.readings_imbalance) == (0, 0)
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        stored = await reading_history(
            connection, TRAFFIC_FLOW, "d6005", datetime(2015, 8, 1, tzinfo=UTC), datetime(2015, 11, 1, tzinfo=UTC)
        )
    assert len(stored) == rows
    assert sum((await _letters(run_dir)).values()) - letters_before == refused


@pytest.mark.slow
async def test_a_bridge_at_100_hz_is_stored_as_windows_of_a_second_of_two_datastreams(run_dir: Path, shared_data: Path) -> None:
    """Every sample of both files is in exactly one window, and the windows say of the samples what the file says."""
    before = (await books(run_dir)).messages_received
    windows, letters = 0, await _letters(run_dir)
    for name, datastream, mapping in BRIDGE_FILES:
        ledger = _replay(run_dir, shared_data / "bridge-munich" / name, *BRIDGE, "--datastream", datastream, "--map", mapping)
        assert (ledger["samples"], ledger["bad_lines"], ledger["left_out"]) == (SAMPLES_OF_A_FILE, 0, 0)
        windows += ledger["readings_expected"]
    await settled_books(run_dir, before + windows)
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        rows = await reading_history(
            connection, BRIDGE_STATE, "munich-bridge", datetime(2022, 3, 7, tzinfo=UTC), datetime(2022, 3, 8, tzinfo=UTC)
        )
    assert len(rows) == windows
    assert await _letters(run_dir) == letters
    for name, datastream, mapping in BRIDGE_FILES:
        quantity, _, column = mapping.partition("=")
        low, high = (quantity.replace("_", f"_{which}_", 1) for which in ("min", "max"))
        own = [row for row in rows if row["datastream_id"] == f"munich-bridge/{datastream}"]
        with (shared_data / "bridge-munich" / name).open(newline="") as file:
            samples = [float(line[column]) for line in csv.DictReader(file)]
        assert sum(row["sample_count"] for row in own) == len(samples) == SAMPLES_OF_A_FILE
        assert min(row[low] for row in own) == pytest.approx(min(samples))
        assert max(row[high] for row in own) == pytest.approx(max(samples))
        mean = sum(row[quantity] * row["sample_count"] for row in own) / SAMPLES_OF_A_FILE
        assert mean == pytest.approx(sum(samples) / SAMPLES_OF_A_FILE, abs=1e-6)


async def test_garbage_on_real_topics_becomes_dead_letters_while_every_valid_reading_is_stored(
    run_dir: Path, shared_data: Path
) -> None:
    """Mutations of valid payloads from unknown devices and from four known ones that broke, with valid readings among them."""
    file = shared_data / "wyndham/fill_levels.csv"
    _replay(run_dir, file, *WYNDHAM)  # registers the bins, whichever test ran before
    chance = Random(11)
    bins = sorted(await _things(run_dir))
    before = await _totals_at_rest(run_dir)
    readings_before = await _fill_readings(run_dir)
    publisher = MqttPublisher(load(MqttSettings, "simulator", run_dir), client_id="stadspuls-test")
    await publisher.start()
    for number in range(GARBAGE + VALID):
        if number % ((GARBAGE + VALID) // VALID) == 0 and (valid := number // ((GARBAGE + VALID) // VALID)) < VALID:
            await publisher.publish(f"stadspuls/v1/{bins[4 + valid % 20]}/readings", _valid_payload(valid))
        elif number % 4 == 0:
            await publisher.publish(f"stadspuls/v1/{chance.choice(bins[:4])}/readings", _mutated(chance, _valid_payload(number)))
        else:
            sample = chance.choice(SAMPLES)
            await publisher.publish(sample.mqtt_topic, _mutated(chance, sample.payload))
    await publisher.drain()
    await publisher.stop()
    totals = await settled_books(run_dir, before.messages_received + publisher.sent)
    assert (totals.messages_imbalance, totals.readings_imbalance) == (0, 0)
    assert totals.messages_dead_lettered - before.messages_dead_lettered > GARBAGE // 2
    assert await _fill_readings(run_dir) - readings_before >= VALID
    state = stack.status(run_dir)
    assert state is not None
    assert {name: state.process(name).restarts for name in ("mqtt-to-kafka", "store")} == {"mqtt-to-kafka": 0, "store": 0}


def _valid_payload(number: int) -> bytes:
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2) + timedelta(seconds=number)
    return json.dumps({"v": 1, "kind": "container_fill", "observed_at": moment.isoformat(), "reported_fill_ratio": 0.5}).encode()


def _mutated(chance: Random, payload: bytes) -> bytes:
    changed = bytearray(payload)
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(changed) + 1)
        changed[start : start + chance.choice((0, 1, 3))] = chance.randbytes(chance.choice((0, 1, 2)))
    return bytes(changed)


async def _totals_at_rest(run_dir: Path) -> LedgerTotals:
    """The ledger once two looks a second apart agree."""
    totals = await books(run_dir)
    for _ in range(60):
        await asyncio.sleep(1)
        again = await books(run_dir)
        if again == totals:
            break
        totals = again
    return totals


async def _things(run_dir: Path) -> list[str]:
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        return [name for name, found in (await sensor_contexts(connection)).items() if found.sensor.kind == CONTAINER_FILL.name]


def _replay(run_dir: Path, file: Path, *options: str) -> dict[str, Any]:
    """Sends the file; what its ledger says."""
    environment = {**os.environ, "STADSPULS_RUN_DIR": str(run_dir)}
    command = [sys.executable, "-m", "stadspuls", "replay", str(file), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    path = Path(done.stdout.rsplit("Ledger: ", 1)[1].strip())
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _lines(file: Path) -> int:
    """Rows without the header."""
    with file.open(encoding="utf-8") as lines:
        return sum(1 for _ in lines) - 1


async def _fill_readings(run_dir: Path) -> int:
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        return await stored_count(connection, CONTAINER_FILL)


async def _letters(run_dir: Path) -> dict[DeadLetterReason, int]:
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        return {reason: number for reason, number in (await dead_letter_counts(connection)).items() if number}


async def _forecasts(run_dir: Path) -> set[str]:
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        found = await current_forecasts(connection)
    assert all(item.basis for item in found)
    return {item.container_id for item in found}
