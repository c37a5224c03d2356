"""History and life of a simulation are sent once, resumed where they stopped, and never run ahead of the wall clock."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.domain.failures import UserError
from runtime.clock import ManualClock
from simulators.broadcast import FileSink, Progress, live, send_history
from simulators.ledger import Fate, read_ledger
from simulators.simulation import LEDGER_FILE, Simulation, SimulationSettings, open_simulation
from simulators.stream import CityStream
from tests.unit.simulators.small_city import ALL_FAULTS, NOW, SIZES, MemorySink

pytestmark = pytest.mark.lengthy

SETTINGS = SimulationSettings(seed=1, now=NOW, sizes=SIZES, faults=ALL_FAULTS)


async def sent_history(folder: Path) -> tuple[Simulation, MemorySink]:
    simulation, sink = open_simulation(folder, SETTINGS), MemorySink()
    await send_history(simulation, sink, asyncio.Event())
    return simulation, sink


async def test_the_ledger_counts_what_was_sent_by_its_fate(tmp_path: Path) -> None:
    simulation, sink = await sent_history(tmp_path)
    assert simulation.history_is_sent
    assert sink.drained == len(sink.messages)
    total = read_ledger(tmp_path / LEDGER_FILE).total()
    fates = Counter(fate for hour in CityStream(simulation.city, ALL_FAULTS).history() for fate in hour.fate.tolist())
    assert total.messages_sent == len(sink.messages)
    assert total.readings_expected == fates[Fate.STORED]
    assert total.duplicates_sent == fates[Fate.DUPLICATE] == len(sink.messages) - len(set(sink.messages))
    assert total.garbled_sent == fates[Fate.DEAD_LETTER] > 0
    assert total.without_reading == fates[Fate.WITHOUT_READING] > 0
    parts = (total.readings_expected, total.duplicates_sent, total.garbled_sent, total.without_reading)
    assert sum(parts) == total.messages_sent
    made = total.readings_expected + total.garbled_sent + total.silent
    assert made == 40 * 36 + 4 * 48 + 25 * 120 + 8 * 144
    assert abs(simulation.expected_history_messages() - total.messages_sent) < 0.05 * total.messages_sent


async def test_a_second_start_sends_no_history_again(tmp_path: Path) -> None:
    _, first = await sent_history(tmp_path)
    again, second = await sent_history(tmp_path)
    assert second.messages == []
    assert again.ledger.total().messages_sent == len(first.messages)


async def test_a_stopped_history_goes_on_where_it_stopped(tmp_path: Path) -> None:
    _, whole = await sent_history(tmp_path / "whole")
    stop, sink = asyncio.Event(), MemorySink()

    def stop_half_way(progress: Progress) -> None:
        if progress.sent > len(whole.messages) / 2:
            stop.set()

    await send_history(open_simulation(tmp_path / "parts", SETTINGS), sink, stop, stop_half_way)
    assert 0 < len(sink.messages) < len(whole.messages)
    resumed = open_simulation(tmp_path / "parts", SETTINGS)
    await send_history(resumed, sink, asyncio.Event())
    assert sink.messages == whole.messages
    assert resumed.ledger.possibly_sent_twice == 0
    for kind in resumed.stream.kinds:
        for path in sorted((tmp_path / "whole" / "truth" / kind).glob("*.npz")):
            assert (tmp_path / "parts" / "truth" / kind / path.name).read_bytes() == path.read_bytes()


class BrokenSink(MemorySink):
    """Takes so many messages, then the process dies."""

    async def publish(self, topic: str, payload: bytes) -> None:
        if len(self.messages) >= 2000:
            raise ConnectionError("killed")
        await super().publish(topic, payload)


async def test_after_a_sudden_end_everything_is_sent_at_least_once_and_the_doubt_is_counted(tmp_path: Path) -> None:
    _, whole = await sent_history(tmp_path / "whole")
    broken, rest = BrokenSink(), MemorySink()
    with pytest.raises(ConnectionError):
        await send_history(open_simulation(tmp_path / "parts", SETTINGS), broken, asyncio.Event())
    resumed = open_simulation(tmp_path / "parts", SETTINGS)
    await send_history(resumed, rest, asyncio.Event())
    assert set(broken.messages) | set(rest.messages) == set(whole.messages)
    assert resumed.ledger.total().messages_sent == len(whole.messages)
    twice = len(broken.messages) + len(rest.messages) - len(whole.messages)
    assert 0 < twice <= resumed.ledger.possibly_sent_twice


class Life:
    """A clock that is stopped at a moment, and what was sent when."""

    def __init__(self, simulation: Simulation, start: datetime, until: datetime) -> None:
        self.clock, self.stop, self.sink = ManualClock(start), asyncio.Event(), MemorySink()
        self.simulation, self.until = simulation, until
        self.progress: list[tuple[float, float]] = []

    def watch(self, progress: Progress) -> None:
        self.progress.append((self.clock.now().timestamp(), progress.simulated_s))
        if self.clock.now() >= self.until:
            self.stop.set()

    async def run(self, speed: float = 60.0) -> list[tuple[str, bytes]]:
        await live(self.simulation, self.sink, self.clock, self.stop, speed=speed, on_progress=self.watch)
        return self.sink.messages


async def test_life_runs_at_its_speed_to_the_wall_clock_and_never_past_it(tmp_path: Path) -> None:
    simulation, _ = await sent_history(tmp_path)
    ends = simulation.city.history_ends_at.timestamp()
    begin = datetime.fromtimestamp(ends, UTC) + timedelta(hours=2)
    life = Life(simulation, begin, begin + timedelta(seconds=150))
    await life.run(speed=60)
    for wall, simulated in life.progress:
        assert simulated <= wall
        assert simulated == pytest.approx(min(wall, ends + 60 * (wall - begin.timestamp())), abs=1e-3)
    caught_up = [wall - begin.timestamp() for wall, simulated in life.progress if simulated == wall]
    assert caught_up[0] == pytest.approx(2 * 3600 / 59, abs=2)
    observed = [
        datetime.fromisoformat(json.loads(payload)["observed_at"]).timestamp()
        for topic, payload in life.sink.messages
        if "bridge" in topic and payload.endswith(b"}") and payload.startswith(b"{") and b"\xff" not in payload
    ]
    assert max(observed) <= life.clock.now().timestamp()
    assert len(observed) > 25 * 60 * 2 * 0.9


async def test_life_goes_on_where_it_stopped_without_doubling(tmp_path: Path) -> None:
    whole_simulation, _ = await sent_history(tmp_path / "whole")
    whole = await Life(whole_simulation, NOW, NOW + timedelta(seconds=20)).run(600)
    first_simulation, _ = await sent_history(tmp_path / "parts")
    first = await Life(first_simulation, NOW, NOW + timedelta(seconds=8)).run(600)
    resumed = open_simulation(tmp_path / "parts", SETTINGS)
    await send_history(resumed, MemorySink(), asyncio.Event())
    later = datetime(2026, 11, 23, 9, tzinfo=UTC)
    second = await Life(resumed, later, later + timedelta(seconds=12)).run(600)
    both = first + second
    shared = min(len(both), len(whole))
    assert shared > 0.8 * max(len(both), len(whole))
    assert both[:shared] == whole[:shared]
    total = resumed.ledger.total()
    assert total.messages_sent == first_simulation.ledger.total().messages_sent + len(second)
    assert resumed.ledger.possibly_sent_twice == 0


def test_another_city_in_the_same_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    simulation = open_simulation(tmp_path, SETTINGS)
    simulation.save()
    other = SimulationSettings(seed=2, now=NOW, sizes=SIZES)
    with pytest.raises(UserError, match="holds a simulation with seed 1, not 2"):
        open_simulation(tmp_path, other, stated=frozenset({"seed"}))
    assert open_simulation(tmp_path, other).settings == SETTINGS


async def test_a_dry_run_writes_every_message_to_a_file(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "messages.jsonl")
    await sink.publish("a/b", b"\xff{")
    await sink.drain()
    sink.close()
    assert json.loads((tmp_path / "messages.jsonl").read_text(encoding="utf-8")) == {"mqtt_topic": "a/b", "payload_base64": "/3s="}
