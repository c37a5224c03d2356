"""The simulated city: a seeded map with sensors that live on it, and what they send.

`SimulatedCity(seed, now)` is made by `stadspuls simulate`, the demo, tests and what-if experiments. The same seed, `now` and
sizes give the same city, the same readings and the same bytes, in every process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from models.domain.registry import FixedCollection
from simulators.city_map import build_city_map
from simulators.faults.swaps import Swap
from simulators.fleet import make_fleet
from simulators.measured_waste import MeasuredWaste
from simulators.registered import SENSOR_SIMULATORS
from simulators.registry_files import write_registry
from simulators.sensor_simulator import HOUR_S, CitySizes, SensorSimulator, SimulationSpan, utc
from simulators.waste import WasteSimulator

HISTORY_ENDS_BEFORE_NOW_S = 24 * HOUR_S


class SimulatedCity:
    """Map, sensors, fleet and schedule of one seeded city whose history ends a day before `now` (aware), at a whole hour."""

    def __init__(self, seed: int, now: datetime, sizes: CitySizes | None = None) -> None:
        self.seed = seed
        self.sizes = sizes or CitySizes()
        end_s = int(now.timestamp()) // HOUR_S * HOUR_S - HISTORY_ENDS_BEFORE_NOW_S
        self.span = SimulationSpan(end_s)
        self.map = build_city_map(seed, self.sizes.bridges)
        self.simulators = self.new_simulators()
        self.fleet = make_fleet()

    def new_simulators(self) -> Sequence[SensorSimulator]:
        """All sensors as they were before the first hour."""
        makers = [
            MeasuredWaste if make is WasteSimulator and self.sizes.usage == "measured" else make for make in SENSOR_SIMULATORS
        ]
        return tuple(make(city_map=self.map, sizes=self.sizes, span=self.span, seed=self.seed) for make in makers)

    @property
    def history_ends_at(self) -> datetime:
        return utc(self.span.end_s)

    @property
    def waste(self) -> WasteSimulator:
        """The simulator of the waste containers: their true state, and the fixed schedule."""
        return next(simulator for simulator in self.simulators if isinstance(simulator, WasteSimulator))

    @property
    def fixed_schedule(self) -> tuple[FixedCollection, ...]:
        return self.waste.schedule

    def write_registry(self, folder: Path, swaps: Mapping[str, Sequence[Swap]] | None = None) -> list[Path]:
        """Writes the registry files of the city into `folder` and returns their paths. `swaps` are its stream's."""
        return write_registry(folder, self.map, self.simulators, self.fleet, self.fixed_schedule, swaps or {})
