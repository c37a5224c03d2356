"""Simulates traffic counters: vehicles, speed and occupancy of every quarter of an hour, with rush hours on weekdays.

`observed_at` is the start of the counted window; the message leaves a few seconds after its end. What a counter reports depends
on the seed and the window alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from models.domain.registry import ContainerGeometry, Thing
from simulators.batch import Batch, Device, Floats, sound_batch
from simulators.city_map import CityMap, MapStreet, degrees, nearest_district
from simulators.plane import point_along
from simulators.road_lines import DISTRIBUTOR, LOCAL, MAIN
from simulators.sensor_simulator import HOUR_S, CitySizes, SimulationSpan, generator, local_midnight_s, local_time

_STREAM = 2
_WINDOW_S = 900
_PER_HOUR = HOUR_S // _WINDOW_S
_VEHICLE_KM = 0.0065
"""Length of a vehicle and of the detector together."""
_BUSIEST_FLOW_PER_H = {MAIN: (700, 1500), DISTRIBUTOR: (250, 650), LOCAL: (60, 180)}
_CAPACITY_PER_H = {MAIN: 1800.0, DISTRIBUTOR: 900.0, LOCAL: 500.0}

# Flow relative to the busiest hour, by local hour from 0 to 23.
_WORKDAY = (5, 3, 2, 2, 4, 12, 38, 82, 95, 62, 52, 54, 58, 57, 60, 70, 90, 100, 74, 52, 40, 32, 22, 12)
_WEEKEND = (12, 8, 5, 4, 3, 5, 9, 15, 26, 40, 54, 64, 68, 70, 68, 65, 62, 58, 50, 42, 34, 28, 22, 15)


class TrafficSimulator:
    """All traffic counters of the city; see `SensorSimulator`."""

    kind: ClassVar[str] = "traffic_flow"
    truth_name: ClassVar[str] = "vehicle_count"
    decimals: ClassVar[Mapping[str, int]] = {
        "window_s": 0, "vehicle_count": 0, "flow_per_h": 0, "speed_km_h": 1, "occupancy_ratio": 4,
    }  # fmt: skip
    noise: ClassVar[Mapping[str, float]] = {"speed_km_h": 8.0}
    geometries: tuple[ContainerGeometry, ...] = ()

    def __init__(self, city_map: CityMap, sizes: CitySizes, span: SimulationSpan, seed: int) -> None:
        self._seed = seed
        self.history_from_s = self.warm_up_from_s = span.start_s(sizes.traffic_days)
        rng = generator(seed, _STREAM)
        streets = _counted_streets(city_map, sizes.traffic_counters, rng)
        self.things = [_thing(number, street) for number, street in enumerate(streets, start=1)]
        self.devices = [
            Device(
                f"loop-{t.thing_id}", "stadspuls_json", self.kind, t.thing_id, "flow", f"stadspuls/v1/loop-{t.thing_id}/readings"
            )
            for t in self.things
        ]
        classes = [street.street.road_class for street in streets]
        self._busiest = np.array([rng.uniform(*_BUSIEST_FLOW_PER_H[name]) for name in classes])
        self._capacity = np.array([_CAPACITY_PER_H[name] for name in classes])
        self._limit_km_h = np.array([street.street.speed_km_h for street in streets], dtype=np.float64)
        self._towards_centre = rng.uniform(0.75, 1.25, len(streets))
        self._delay_us = rng.integers(1_000_000, 20_000_000, len(streets))

    def hour(self, start_s: int) -> Batch:
        rng = generator(self._seed, _STREAM, start_s)
        n = len(self.devices)
        windows = np.repeat(np.arange(_PER_HOUR), n)
        device = np.tile(np.arange(n), _PER_HOUR)
        observed_at_us = (start_s + windows * _WINDOW_S) * 1_000_000
        expected = np.concatenate([self._expected_flow(start_s + k * _WINDOW_S) for k in range(_PER_HOUR)])
        count = rng.poisson(expected / _PER_HOUR * rng.gamma(40, 1 / 40, len(expected)))
        flow: Floats = (count * _PER_HOUR).astype(np.float64)
        load = flow / self._capacity[device]
        speed = self._limit_km_h[device] * 0.97 / (1 + 0.45 * load**4) * rng.normal(1, 0.04, len(flow))
        speed = np.clip(speed, 5.0, 130.0)
        values: dict[str, Floats] = {
            "window_s": np.full(len(flow), float(_WINDOW_S)),
            "vehicle_count": count.astype(np.float64),
            "flow_per_h": flow,
            "speed_km_h": speed,
            "occupancy_ratio": np.clip(flow * _VEHICLE_KM / speed, 0, 1),
        }
        return sound_batch(
            device=device,
            observed_at_us=observed_at_us,
            send_at_us=observed_at_us + _WINDOW_S * 1_000_000 + self._delay_us[device],
            sequence=(observed_at_us // 1_000_000 - self.history_from_s) // _WINDOW_S,
            values=values,
            truth=count.astype(np.float64),
        )

    def _expected_flow(self, second: int) -> Floats:
        """Vehicles per hour at each counter, between the profile's hours linearly."""
        local = local_time(second)
        profile = _WEEKEND if local.weekday() >= 5 else _WORKDAY
        share = local.minute / 60
        level = (profile[local.hour] * (1 - share) + profile[(local.hour + 1) % 24] * share) / 100
        day = generator(self._seed, _STREAM, 3, local_midnight_s(second))
        morning = local.hour < 12
        direction = self._towards_centre if morning else 2 - self._towards_centre
        expected: Floats = self._busiest * level * direction * day.lognormal(0, 0.06) * day.lognormal(0, 0.08, len(self.devices))
        return expected


def _counted_streets(city_map: CityMap, count: int, rng: np.random.Generator) -> list[MapStreet]:
    """Most counters on main and distributor roads, a few in local streets, no two on one road piece."""
    weights = np.array(
        [{MAIN: 6.0, DISTRIBUTOR: 2.0, LOCAL: 0.12}[s.street.road_class] * s.street.length_km for s in city_map.streets]
    )
    chosen = rng.choice(len(city_map.streets), size=count, replace=False, p=weights / weights.sum())
    return [city_map.streets[i] for i in sorted(chosen.tolist())]


def _thing(number: int, street: MapStreet) -> Thing:
    at, _ = point_along(street.street.points, 0.4)
    latitude, longitude = degrees(at)
    return Thing(
        thing_id=f"t-{number:04d}",
        thing_type="traffic_counter",
        name=f"Counter {street.name}",
        latitude=latitude,
        longitude=longitude,
        district=street.street.district or nearest_district(at),
        simulated=True,
        properties={"street_id": street.street_id, "road_class": street.street.road_class},
    )
