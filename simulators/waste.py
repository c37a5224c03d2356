"""Simulates the level sensors of the waste containers: deposits by hour and weekday, emptyings by the fixed schedule.

Deposits are Poisson per container and hour, each with litres of its own; a container's rate drifts by a random walk. The fixed
schedule empties what is due, at hours that vary, and now and then misses a container behind a parked car. A full container
takes nothing more. Sensors see the surface of the waste with a few millimetres of error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import numpy as np

from models.domain.registry import ContainerGeometry, FixedCollection
from simulators.batch import Batch, Device, Floats, Ints, sound_batch
from simulators.city_map import CityMap
from simulators.collection_limits import with_limits
from simulators.containers import SimulatedContainer, place_containers
from simulators.fleet import is_due, make_fixed_schedule
from simulators.sensor_simulator import (
    HOUR_S,
    CitySizes,
    SimulationSpan,
    generator,
    local_midnight_s,
    local_time,
    utc,
)

_WARM_UP_DAYS = 15
_STREAM = 1
BRIM = 1.03
"""How full a container can be: the lid closes over a little more than its capacity."""
LEFT_BEHIND = 0.012
"""Standard deviation of what an emptying leaves, upwards from nothing."""
_MISSED_SHARE = 0.007
_DRIFT_PER_DAY = 0.03
_DAY_SPREAD = 0.22
_SENSOR_ERROR_MM = 7.0

# Share of a day's deposits in each local hour; shops' paper comes in the evening, glass on the way to the shops.
_HOURS = {
    "residual": (1, 0, 0, 0, 0, 1, 3, 6, 7, 6, 6, 6, 6, 5, 5, 5, 6, 8, 9, 8, 6, 4, 3, 2),
    "paper": (0, 0, 0, 0, 0, 0, 1, 3, 5, 7, 8, 8, 7, 7, 7, 7, 8, 9, 8, 6, 4, 2, 1, 0),
    "glass": (0, 0, 0, 0, 0, 0, 0, 1, 3, 7, 10, 11, 10, 9, 9, 9, 9, 8, 6, 4, 2, 1, 0, 0),
    "plastic": (0, 0, 0, 0, 0, 1, 2, 5, 7, 7, 7, 7, 6, 6, 6, 6, 7, 9, 9, 7, 4, 2, 1, 0),
    "organic": (0, 0, 0, 0, 0, 1, 2, 5, 6, 6, 6, 5, 5, 5, 5, 5, 7, 10, 12, 9, 5, 3, 1, 0),
}
# Monday to Sunday, around 1.
_WEEKDAYS = {
    "residual": (1.05, 0.95, 0.95, 0.95, 1.0, 1.1, 1.0),
    "paper": (0.95, 0.9, 0.95, 0.95, 1.0, 1.35, 0.9),
    "glass": (0.95, 0.7, 0.75, 0.8, 1.05, 1.75, 1.0),
    "plastic": (1.05, 0.95, 0.95, 0.95, 1.0, 1.15, 0.95),
    "organic": (1.05, 0.9, 0.95, 0.9, 0.95, 1.1, 1.15),
}


@dataclass(frozen=True, slots=True)
class TrueEmptying:
    """An emptying as it happened. `fill_before` is the true fill ratio just before."""

    container_id: str
    emptied_at_us: int
    fill_before: float
    fill_after: float


class WasteSimulator:
    """All level sensors of the city; see `SensorSimulator`."""

    kind: ClassVar[str] = "container_fill"
    truth_name: ClassVar[str] = "fill_ratio"
    decimals: ClassVar[Mapping[str, int]] = {"distance_mm": 1, "deposit_count": 0, "temperature_c": 1, "battery_v": 2}
    noise: ClassVar[Mapping[str, float]] = {"distance_mm": 60.0}

    def __init__(self, city_map: CityMap, sizes: CitySizes, span: SimulationSpan, seed: int) -> None:
        self._seed = seed
        self.history_from_s = span.start_s(sizes.container_days)
        self.warm_up_from_s = self.history_from_s - _WARM_UP_DAYS * 24 * HOUR_S
        rng = generator(seed, _STREAM)
        self.containers = with_limits(place_containers(city_map, sizes.containers, rng))
        self.schedule = make_fixed_schedule(self.containers)
        self.things = [container.thing for container in self.containers]
        self.devices = [_device(number, container) for number, container in enumerate(self.containers)]
        self.geometries = [
            ContainerGeometry(
                thing_id=container.thing.thing_id,
                valid_from=utc(self.warm_up_from_s),
                empty_distance_mm=container.empty_distance_mm,
                full_distance_mm=container.full_distance_mm,
            )
            for container in self.containers
        ]
        self.emptyings: list[TrueEmptying] = []
        self.blocked_until_us: Ints = np.zeros(len(self.containers), np.int64)
        """Nothing is thrown into a container until then: set by a fault."""
        self._set_traits(rng)
        self._set_state(rng)

    def _set_traits(self, rng: np.random.Generator) -> None:
        containers, n = self.containers, len(self.containers)
        self._ids = np.arange(n)
        self._capacity_l = np.array([c.capacity_l for c in containers], dtype=np.float64)
        self._empty_mm = np.array([c.empty_distance_mm for c in containers])
        self._full_mm = np.array([c.full_distance_mm for c in containers])
        self._litres_per_day = np.array([c.litres_per_day for c in containers])
        self._litres_per_deposit = np.array([c.litres_per_deposit for c in containers])
        hours = np.array([_HOURS[c.fraction] for c in containers], dtype=np.float64)
        self._hour_share: Floats = (hours / hours.sum(axis=1, keepdims=True)).T.copy()
        self._weekday_factor: Floats = np.array([_WEEKDAYS[c.fraction] for c in containers], dtype=np.float64).T.copy()
        self._day_spread: Floats = np.full(n, _DAY_SPREAD)
        self._on_the_minute = np.array([c.device_model == "stadspuls_json" for c in containers])
        self._report_at_s = rng.integers(0, HOUR_S - 30, n)
        self._start_sequence = np.where(rng.random(n) < 0.05, 0, rng.integers(0, 5000, n))
        self._start_battery_v = rng.uniform(3.35, 3.62, n)
        lines: list[FixedCollection] = sorted(self.schedule, key=lambda line: (line.truck_id, line.tour_position))
        index = {container.thing.thing_id: number for number, container in enumerate(containers)}
        self._tours = [(index[line.container_id], line) for line in lines]

    def _set_state(self, rng: np.random.Generator) -> None:
        n = len(self.containers)
        self._litres = rng.uniform(0, 0.5, n) * self._capacity_l
        self._log_drift = np.zeros(n)
        self._day_factor = np.ones(n)
        self._day: date | None = None
        self._emptied_at_us = np.full(n, -1, np.int64)
        self._reported_at_us = (self.warm_up_from_s - HOUR_S + self._report_at_s) * 1_000_000

    @property
    def reported_at_us(self) -> Ints:
        """When each container was looked at in the hour simulated last."""
        return self._reported_at_us

    def true_fill(self) -> Floats:
        """How full each was then, up to the brim, a little above 1."""
        fill: Floats = self._litres / self._capacity_l
        return fill

    def share_per_day(self) -> Floats:
        """What each is expected to get in an average day, as a share of itself, at its rate as it has drifted by now."""
        share: Floats = self._litres_per_day * np.exp(self._log_drift) / self._capacity_l
        return share

    def use_traits(self) -> tuple[Floats, Floats, Floats, Floats]:
        """(share of a day by local hour, factor of weekdays from Monday, what one deposit fills, log-normal spread of days), the last axis
        by container."""
        return self._hour_share, self._weekday_factor, self._litres_per_deposit / self._capacity_l, self._day_spread

    def hour(self, start_s: int) -> Batch:
        local = local_time(start_s)
        if local.date() != self._day:
            self._begin_day(start_s, local.date())
        rng = generator(self._seed, _STREAM, start_s)
        n = len(self.containers)
        jitter_us = np.where(self._on_the_minute, 0, rng.integers(0, 4_000_000, n))
        observed_at_us = (start_s + self._report_at_s) * 1_000_000 + jitter_us
        mean = self._litres_per_day * self._hour_share[local.hour] * self._weekday_factor[local.weekday()]
        mean = mean * self._day_factor * np.exp(self._log_drift) / self._litres_per_deposit
        deposits = rng.poisson(np.where(self.blocked_until_us > observed_at_us, 0.0, mean))
        litres = self._litres_per_deposit / 4 * rng.standard_gamma(4.0 * deposits)
        emptied = (self._emptied_at_us > self._reported_at_us) & (self._emptied_at_us <= observed_at_us)
        self._collect(emptied, litres, observed_at_us, rng)
        self._litres = np.minimum(self._litres + np.where(emptied, 0.0, litres), BRIM * self._capacity_l)
        self._reported_at_us = observed_at_us
        fill = self._litres / self._capacity_l
        distance = self._empty_mm - fill * (self._empty_mm - self._full_mm) + rng.normal(0, _SENSOR_ERROR_MM, n)
        age_h = (start_s - self.history_from_s) // HOUR_S
        battery_v = np.clip(self._start_battery_v - 4e-6 * age_h + rng.normal(0, 0.003, n), 2.9, 3.65)
        values = {
            "distance_mm": np.clip(distance, 30.0, self._empty_mm + 40.0),
            "deposit_count": deposits.astype(np.float64),
            "temperature_c": _underground_temperature(start_s) + rng.normal(0, 0.4, n),
            "tilted": np.zeros(n),
            "battery_v": battery_v,
            "battery_ratio": np.clip((battery_v - 2.9) / 0.72, 0.01, 1.0),
        }
        return sound_batch(
            device=self._ids,
            observed_at_us=observed_at_us,
            send_at_us=observed_at_us + rng.integers(80_000, 1_900_000, n),
            sequence=self._start_sequence + age_h,
            values=values,
            truth=np.minimum(fill, 1.0),
        )

    def _begin_day(self, start_s: int, day: date) -> None:
        """The day's rates, and when each truck will be where."""
        self._day = day
        rng = generator(self._seed, _STREAM, 2, day.toordinal())
        n = len(self.containers)
        self._log_drift += rng.normal(0, _DRIFT_PER_DAY, n)
        self._log_drift *= 0.998
        self._day_factor = rng.lognormal(-(_DAY_SPREAD**2) / 2, _DAY_SPREAD, n)
        self._emptied_at_us = np.full(n, -1, np.int64)
        midnight_s = local_midnight_s(start_s)
        started: dict[str, tuple[float, int]] = {}
        for container, line in self._tours:
            if not is_due(line, day):
                continue
            if line.truck_id not in started:
                started[line.truck_id] = (midnight_s + 7.2 * HOUR_S + rng.normal(0, 900), 0)
            begun_s, stops = started[line.truck_id]
            started[line.truck_id] = (begun_s, stops + 1)
            tipping_s = 2400 * (stops // 22)
            if rng.random() >= _MISSED_SHARE:
                at_s = begun_s + stops * 390 + tipping_s + rng.normal(0, 240)
                self._emptied_at_us[container] = round(max(at_s, midnight_s + 6 * HOUR_S) * 1e6)

    def _collect(self, emptied: Floats | np.ndarray, litres: Floats, observed_at_us: Ints, rng: np.random.Generator) -> None:
        """Empties the due containers; what was thrown in after the truck left stays in."""
        rows = np.flatnonzero(emptied)
        if not len(rows):
            return
        before = np.minimum((self._litres[rows] + litres[rows] * 0.5) / self._capacity_l[rows], BRIM)
        left = np.abs(rng.normal(0.0, LEFT_BEHIND, len(rows)))
        since = (observed_at_us[rows] - self._emptied_at_us[rows]) / (HOUR_S * 1e6)
        self._litres[rows] = left * self._capacity_l[rows] + litres[rows] * np.clip(since, 0, 1)
        for row, fill_before, fill_after in zip(rows.tolist(), before.tolist(), left.tolist(), strict=True):
            self.emptyings.append(
                TrueEmptying(
                    self.things[row].thing_id, int(self._emptied_at_us[row]), round(min(fill_before, 1.0), 4), round(fill_after, 4)
                )
            )


def _underground_temperature(start_s: int) -> float:
    """Degrees Celsius in a pit: the year's wave, damped."""
    day_of_year = local_time(start_s).timetuple().tm_yday
    return float(11.5 - 6.5 * np.cos(2 * np.pi * (day_of_year - 35) / 365.25))


def _device(number: int, container: SimulatedContainer) -> Device:
    thing_id, model = container.thing.thing_id, container.device_model
    if model == "milesight_em310_udl":
        sensor_id = f"24e124713c{number + 1:06x}"
        topic = f"v3/containers@almere/devices/eui-{sensor_id}/up"
    elif model == "decentlab_dl_mbx":
        sensor_id = f"70b3d57ba0{number + 1:06x}"
        topic = f"application/5b7c9f0e-41aa-4d1c-9d0b-6a51f3d1c0de/device/{sensor_id}/event/up"
    else:
        sensor_id = f"level-{thing_id}"
        topic = f"stadspuls/v1/{sensor_id}/readings"
    return Device(sensor_id, model, "container_fill", thing_id, "fill", topic)
