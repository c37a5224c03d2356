"""A city small enough for unit tests, and a sink that remembers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from simulators.city import SimulatedCity
from simulators.sensor_simulator import CitySizes

NOW = datetime(2026, 11, 22, 19, 30, tzinfo=UTC)
SIZES = CitySizes(containers=40, traffic_counters=4, container_days=1.5, traffic_days=0.5, bridge_days=1 / 12, transformer_days=0.5)
ALL_FAULTS: Mapping[str, float] = {"noise": 0.02, "silence": 0.03, "garbled": 0.02, "late": 0.03, "duplicates": 0.02}


def small_city(seed: int = 1) -> SimulatedCity:
    return SimulatedCity(seed, NOW, SIZES)


class MemorySink:
    """Keeps what is published; `drained` is what a broker would have for certain."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.drained = 0

    async def publish(self, topic: str, payload: bytes) -> None:
        self.messages.append((topic, payload))

    async def drain(self) -> None:
        self.drained = len(self.messages)
