"""What every registered sensor simulator must hold to, and that the real decoder reads what the simulators say they sent."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ingest.decode import decode_message
from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.message import RawMessage
from models.domain.reading import Reading
from models.domain.registry import Assignment, ContainerGeometry, Sensor, SensorContext
from models.sensor_kinds import SENSOR_KINDS, kind_by_name
from simulators.batch import NEVER_US, Device
from simulators.city import SimulatedCity
from simulators.city_map import build_city_map
from simulators.expected import expected_of
from simulators.fates import REASONS
from simulators.faults import EVERY_FAULT, FAULTS, BatteryDeath, Silence
from simulators.lane import quantity_limits
from simulators.ledger import Fate
from simulators.registered import SENSOR_SIMULATORS
from simulators.sensor_simulator import HOUR_S, CitySizes, SensorSimulator, SensorSimulatorFactory, SimulationSpan, utc
from simulators.stream import CityStream
from simulators.truth import TruthWriter
from tests.unit.simulators.small_city import NOW, SIZES, small_city

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


def contexts_of(stream: CityStream) -> dict[str, SensorContext]:
    """The registry as the city's files have it."""
    contexts = {}
    for simulator in stream.simulators:
        geometries: dict[str, list[ContainerGeometry]] = {}
        for geometry in simulator.geometries:
            geometries.setdefault(geometry.thing_id, []).append(geometry)
        begin = utc(simulator.history_from_s)
        swaps = {swap.old: swap for swap in stream.swaps[simulator.kind] if swap.registered}
        registered: list[tuple[Device, datetime, datetime | None]] = []
        for number, device in enumerate(simulator.devices):
            swap = swaps.get(number)
            registered.append((device, utc(simulator.warm_up_from_s), utc(swap.at_s) if swap else None))
            if swap:
                registered.append((swap.new, utc(swap.at_s), None))
        for device, valid_from, valid_to in registered:
            contexts[device.sensor_id] = SensorContext(
                sensor=Sensor(
                    sensor_id=device.sensor_id, device_model=device.device_model, kind=device.kind, accepts_history_from=begin
                ),
                assignments=(
                    Assignment(
                        sensor_id=device.sensor_id,
                        thing_id=device.thing_id,
                        datastream_id=device.datastream_id,
                        valid_from=valid_from,
                        valid_to=valid_to,
                    ),
                ),
                geometries=tuple(geometries.get(device.thing_id, ())),
                registry_version=1,
                simulated=True,
            )
    return contexts


def micros(reading: Reading) -> int:
    return round(reading.observed_at.timestamp() * 1_000_000)


OFTEN = {name: min(0.3, 8 * rate) for name, rate in EVERY_FAULT.items()}
"""Every fault, so often that a small city has each of them."""
DAYS = CitySizes(containers=40, traffic_counters=4, container_days=6, traffic_days=2, bridge_days=1 / 12, transformer_days=0.5)


def test_the_real_decoder_does_with_each_message_what_the_truth_says(tmp_path: Path) -> None:
    """Every message of a history with all faults: each fate and reason as booked, each value as written beside it."""
    truth = TruthWriter(tmp_path)
    stream = CityStream(SimulatedCity(1, NOW, DAYS), OFTEN, truth)
    contexts = contexts_of(stream)
    decoded: dict[str, dict[tuple[str, int], Reading]] = {kind: {} for kind in stream.kinds}
    reasons: Counter[tuple[str, DeadLetterReason]] = Counter()
    fates: Counter[tuple[int, int]] = Counter()
    faults = unknown_fields = 0
    for hour in stream.history():
        fates.update(zip(hour.fate.tolist(), hour.reason.tolist(), strict=True))
        faults |= int(np.bitwise_or.reduce(hour.fault))
        for message, fate, reason in zip(hour.messages, hour.fate.tolist(), hour.reason.tolist(), strict=True):
            raw = RawMessage(message.mqtt_topic, message.payload, datetime(2026, 11, 22, 19, tzinfo=UTC))
            if fate == Fate.DEAD_LETTER:
                reasons[message.mqtt_topic, REASONS[reason]] += 1
                if REASONS[reason] is not DeadLetterReason.IDENTITY:
                    with pytest.raises(InvalidMessage, match=f"^{REASONS[reason].value}:"):
                        decode_message(raw, contexts)
                    continue
            result = decode_message(raw, contexts)
            assert not result.rejected
            unknown_fields += result.unknown_fields
            assert result.without_reading == (fate == Fate.WITHOUT_READING)
            for reading in result.readings:
                known = decoded[result.kind].setdefault((reading.datastream_id, micros(reading)), reading)
                assert (known is not reading) == (fate != Fate.STORED)
                assert (known.measured() == reading.measured()) == (fate != Fate.DEAD_LETTER)
    truth.flush([])
    assert {REASONS[reason] for fate, reason in fates if fate == Fate.DEAD_LETTER} == set(REASONS)
    assert faults == sum(fault.bit for fault in FAULTS) & ~(Silence.bit | BatteryDeath.bit)  # those never arrive
    assert unknown_fields > 0
    booked: Counter[tuple[str, DeadLetterReason]] = Counter()
    for kind in stream.kinds:
        expected = expected_of(tmp_path, kind, tuple(quantities_of(kind)))
        assert dict(expected.between(0, NEVER_US)) == {
            identity: tuple(reading.measured()) for identity, reading in decoded[kind].items()
        }
        assert len(decoded[kind]) > 50
        booked += expected.dead_letters
        for gap in expected.gaps:
            assert not any((gap.datastream_id, at_us) in decoded[kind] for at_us in (gap.first_at_us, gap.last_at_us))
    assert booked == reasons


def test_all_faults_give_the_same_bytes_after_a_restart_in_the_middle() -> None:
    whole = [hour.messages for hour in CityStream(SimulatedCity(1, NOW, DAYS), OFTEN).history()]
    again = CityStream(SimulatedCity(1, NOW, DAYS), OFTEN)
    again.skip_to(again.history_from_s + 70 * HOUR_S)
    assert again.next_hour().messages == whole[70]


def quantities_of(kind: str) -> tuple[str, ...]:
    found = kind_by_name(kind)
    assert found is not None
    return tuple(found.reading_type.MEASURED_FIELDS)


def hash_of_a_history() -> str:
    """Over topics, bytes and times of a history with all faults."""
    digest = hashlib.sha256()
    messages = (message for hour in CityStream(SimulatedCity(1, NOW, DAYS), OFTEN).history() for message in hour.messages)
    for topic, payload, send_at_us in messages:
        digest.update(topic.encode() + b"\0" + payload + b"\0" + str(send_at_us).encode() + b"\0")
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tests.contract.test_simulators import hash_of_a_history as h; print(h())"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout.strip() == hash_of_a_history()


def test_registry_files_say_what_the_simulators_are(tmp_path: Path) -> None:
    city = small_city()
    paths = {path.name: path for path in city.write_registry(tmp_path)}
    things = json.loads(paths["things.geojson"].read_text(encoding="utf-8"))["features"]
    assert [item["properties"]["id"] for item in things] == [
        thing.thing_id for simulator in city.simulators for thing in simulator.things
    ]
    assert paths["sensors.csv"].read_text(encoding="utf-8").count("\n") == 1 + sum(len(s.devices) for s in city.simulators)
