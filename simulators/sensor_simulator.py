"""What a simulator of one kind of sensor is, and what it may know: the city's map, sizes and the span of time.

A new simulated kind is one file with a class like this and one line in `simulators.registered`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.registry import ContainerGeometry, Thing
from simulators.batch import Batch, Device
from simulators.city_map import CityMap
from simulators.usage import Usage

HOUR_S = 3600
CITY_ZONE = ZoneInfo("Europe/Amsterdam")


@dataclass(frozen=True, slots=True)
class CitySizes:
    """How many things the city has, for how many days back each kind has a history, and how its containers are used
    (`simulators.usage`)."""

    containers: int = 600
    traffic_counters: int = 60
    bridges: int = 25
    transformers: int = 8
    container_days: float = 60
    traffic_days: float = 14
    bridge_days: float = 2
    transformer_days: float = 7
    usage: Usage = "planned"


@dataclass(frozen=True, slots=True)
class SimulationSpan:
    """From when each kind has a history, and the end of it: a whole hour, in seconds since 1970 (UTC)."""

    end_s: int

    def start_s(self, days: float) -> int:
        """The whole hour `days` before the end."""
        return self.end_s - round(days * 24) * HOUR_S


class SensorSimulator(Protocol):
    """All sensors of one kind. Made with (map, sizes, span, seed); the same four give the same readings in every process.

    `hour` is called for consecutive whole hours, from `warm_up_from_s` on; rows that were observed before `history_from_s` are
    not sent. It neither blocks nor raises. `decimals` says how finely our own JSON reports each quantity, `noise` how strong
    noise is (standard deviation, in the quantity's unit), `truth_name` what a batch's `truth` holds.
    """

    kind: ClassVar[str]
    truth_name: ClassVar[str]
    decimals: ClassVar[Mapping[str, int]]
    noise: ClassVar[Mapping[str, float]]
    history_from_s: int
    warm_up_from_s: int

    @property
    def things(self) -> Sequence[Thing]: ...

    @property
    def devices(self) -> Sequence[Device]: ...

    @property
    def geometries(self) -> Sequence[ContainerGeometry]: ...

    def hour(self, start_s: int) -> Batch:
        """What the sensors report with `observed_at` in the hour from `start_s`, in any order."""
        ...


class SensorSimulatorFactory(Protocol):
    """A simulator's class: called once per city."""

    def __call__(self, city_map: CityMap, sizes: CitySizes, span: SimulationSpan, seed: int) -> SensorSimulator: ...


def generator(seed: int, *path: int) -> np.random.Generator:
    """A generator for one purpose and one moment: independent of how many numbers others drew."""
    return np.random.default_rng([seed, *path])


def local_time(second: int) -> datetime:
    """City time of a moment."""
    return datetime.fromtimestamp(second, CITY_ZONE)


def utc(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def as_utc_text(second: int) -> str:
    """ISO 8601 with a Z."""
    return utc(second).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_midnight_s(second: int) -> int:
    """The start of the local day of a moment, in seconds since 1970."""
    local = local_time(second)
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())


def days_before(second: int, days: int) -> int:
    return second - round(timedelta(days=days).total_seconds())
