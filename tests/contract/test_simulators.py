"""What every registered sensor simulator must hold to, and that the real decoder reads what the simulators say they sent."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from ingest.decode import decode_message
from models.domain.failures import InvalidMessage
from models.domain.message import RawMessage
from models.domain.reading import Reading
from models.domain.registry import Assignment, ContainerGeometry, Sensor, SensorContext
from models.sensor_kinds import SENSOR_KINDS, kind_by_name
from simulators.batch import NEVER_US
from simulators.city_map import build_city_map
from simulators.ledger import Fate
from simulators.registered import SENSOR_SIMULATORS
from simulators.sensor_simulator import HOUR_S, SensorSimulator, SensorSimulatorFactory, SimulationSpan, utc
from simulators.stream import CityStream, quantity_limits
from simulators.truth import TruthWriter, read_devices, read_truth
from tests.unit.simulators.small_city import ALL_FAULTS, NOW, SIZES, small_city

EVERY_SIMULATOR = pytest.mark.parametrize("make", SENSOR_SIMULATORS, ids=lambda make: make.__name__)
SPAN = SimulationSpan(int(NOW.timestamp()) // HOUR_S * HOUR_S)


def made(make: SensorSimulatorFactory, seed: int = 1) -> SensorSimulator:
    return make(city_map=build_city_map(1), sizes=SIZES, span=SPAN, seed=seed)


def test_each_registered_kind_but_the_canary_has_one_simulator() -> None:
    kinds = [made(make).kind for make in SENSOR_SIMULATORS]
    assert sorted(kinds) == sorted(kind.name for kind in SENSOR_KINDS if kind.name != "canary")


@EVERY_SIMULATOR
def test_the_same_seed_gives_the_same_readings_and_another_seed_others(make: SensorSimulatorFactory) -> None:
    def readings(seed: int) -> bytes:
        simulator = made(make, seed)
        digest = hashlib.sha256()
        for hour in range(30):
            batch = simulator.hour(simulator.warm_up_from_s + hour * HOUR_S)
            for column in (batch.device, batch.observed_at_us, batch.send_at_us, *batch.values.values()):
                digest.update(np.ascontiguousarray(column).tobytes())
        return digest.digest()

    assert readings(1) == readings(1)
    assert readings(1) != readings(2)


@EVERY_SIMULATOR
def test_readings_lie_in_their_hour_are_identified_and_leave_after_they_were_made(make: SensorSimulatorFactory) -> None:
    simulator = made(make)
    seen: set[tuple[int, int]] = set()
    for start_s in range(simulator.warm_up_from_s, simulator.warm_up_from_s + 5 * HOUR_S, HOUR_S):
        batch = simulator.hour(start_s)
        assert len(batch) > 0
        assert (batch.observed_at_us >= start_s * 1_000_000).all()
        assert (batch.observed_at_us < (start_s + HOUR_S) * 1_000_000).all()
        assert (batch.send_at_us > batch.observed_at_us).all()
        identities = set(zip(batch.device.tolist(), batch.observed_at_us.tolist(), strict=True))
        assert len(identities) == len(batch)
        assert not identities & seen
        seen |= identities


@EVERY_SIMULATOR
def test_values_are_quantities_of_the_kind_and_within_its_limits(make: SensorSimulatorFactory) -> None:
    simulator = made(make)
    limits = quantity_limits(simulator.kind)
    assert set(simulator.decimals) | set(simulator.noise) <= set(limits)
    for start_s in range(simulator.warm_up_from_s, simulator.warm_up_from_s + 48 * HOUR_S, HOUR_S):
        for name, column in simulator.hour(start_s).values.items():
            low, high = limits[name]
            assert ((column >= low) & (column <= high)).all(), name


@EVERY_SIMULATOR
def test_things_and_devices_belong_together(make: SensorSimulatorFactory) -> None:
    simulator = made(make)
    kind = kind_by_name(simulator.kind)
    assert kind is not None
    assert {thing.thing_type for thing in simulator.things} == {kind.thing_type}
    assert all(thing.simulated for thing in simulator.things)
    assert {device.thing_id for device in simulator.devices} == {thing.thing_id for thing in simulator.things}
    assert len({device.sensor_id for device in simulator.devices}) == len(simulator.devices)
    assert len({device.datastream_id for device in simulator.devices}) == len(simulator.devices)
    assert {device.kind for device in simulator.devices} == {simulator.kind}


def contexts_of(simulators: list[SensorSimulator]) -> dict[str, SensorContext]:
    contexts = {}
    for simulator in simulators:
        geometries: dict[str, list[ContainerGeometry]] = {}
        for geometry in simulator.geometries:
            geometries.setdefault(geometry.thing_id, []).append(geometry)
        begin = utc(simulator.history_from_s)
        for device in simulator.devices:
            contexts[device.sensor_id] = SensorContext(
                sensor=Sensor(
                    sensor_id=device.sensor_id, device_model=device.device_model, kind=device.kind, accepts_history_from=begin
                ),
                assignments=(
                    Assignment(
                        sensor_id=device.sensor_id, thing_id=device.thing_id, datastream_id=device.datastream_id, valid_from=begin
                    ),
                ),
                geometries=tuple(geometries.get(device.thing_id, ())),
                registry_version=1,
                simulated=True,
            )
    return contexts


def micros(reading: Reading) -> int:
    return round(reading.observed_at.timestamp() * 1_000_000)


def test_the_real_decoder_reads_exactly_what_the_truth_says_was_sent(tmp_path: Path) -> None:
    """Every message of a history with all faults: each fate as booked, each value as written beside it."""
    truth = TruthWriter(tmp_path)
    stream = CityStream(small_city(), ALL_FAULTS, truth)
    contexts = contexts_of(list(stream.simulators))
    decoded: dict[str, dict[tuple[str, int], Reading]] = {kind: {} for kind in stream.kinds}
    for hour in stream.history():
        for message, fate in zip(hour.messages, hour.fate.tolist(), strict=True):
            raw = RawMessage(message.mqtt_topic, message.payload, datetime(2026, 11, 22, 19, tzinfo=UTC))
            if fate == Fate.DEAD_LETTER:
                with pytest.raises(InvalidMessage):
                    decode_message(raw, contexts)
                continue
            result = decode_message(raw, contexts)
            assert not result.rejected
            assert not result.unknown_fields
            assert result.without_reading == (fate == Fate.WITHOUT_READING)
            for reading in result.readings:
                identity = reading.datastream_id, micros(reading)
                known = decoded[result.kind].setdefault(identity, reading)
                assert (known is not reading) == (fate == Fate.DUPLICATE)
                assert known.measured() == reading.measured()
    truth.flush([])
    for kind in stream.kinds:
        assert decoded[kind] == {} or truth_of(tmp_path, kind) == {
            identity: tuple(reading.measured()) for identity, reading in decoded[kind].items()
        }
        assert len(decoded[kind]) > 50


def truth_of(folder: Path, kind: str) -> dict[tuple[str, int], tuple[object, ...]]:
    """What must be stored, by identity: everything sent whole, with None for what the device does not report."""
    found = kind_by_name(kind)
    assert found is not None
    datastreams = read_devices(folder, kind)
    expected: dict[tuple[str, int], tuple[object, ...]] = {}
    for day in read_truth(folder, kind):
        sent = (day.send_at_us != NEVER_US) & (day.fault & 4 == 0)
        for row in np.flatnonzero(sent).tolist():
            content = tuple(
                None if name not in day.content or np.isnan(day.content[name][row]) else day.content[name][row].item()
                for name in found.reading_type.MEASURED_FIELDS
            )
            expected[datastreams[int(day.devices[row])], int(day.observed_at_us[row])] = content
    return expected


def hash_of_the_first() -> str:
    """Over topics, bytes and times of 3,000 messages with all faults."""
    digest = hashlib.sha256()
    messages = (message for hour in CityStream(small_city(), ALL_FAULTS).history() for message in hour.messages)
    for topic, payload, send_at_us in islice(messages, 3000):
        digest.update(topic.encode() + b"\0" + payload + b"\0" + str(send_at_us).encode() + b"\0")
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tests.contract.test_simulators import hash_of_the_first as h; print(h())"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout.strip() == hash_of_the_first()


def test_registry_files_say_what_the_simulators_are(tmp_path: Path) -> None:
    city = small_city()
    paths = {path.name: path for path in city.write_registry(tmp_path)}
    things = json.loads(paths["things.geojson"].read_text(encoding="utf-8"))["features"]
    assert [item["properties"]["id"] for item in things] == [
        thing.thing_id for simulator in city.simulators for thing in simulator.things
    ]
    assert paths["sensors.csv"].read_text(encoding="utf-8").count("\n") == 1 + sum(len(s.devices) for s in city.simulators)
