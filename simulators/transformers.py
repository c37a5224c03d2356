"""Simulates the meters on the city's transformers: a household evening peak, solar roofs that feed back at noon, warm oil.

Every five minutes. What a meter reports depends on the seed and the moment alone; oil follows load and air, an hour or two late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from models.domain.registry import ContainerGeometry, Thing
from simulators.batch import Batch, Device, Floats, sound_batch
from simulators.city_map import CityMap, MapStreet, degrees
from simulators.plane import point_along
from simulators.road_lines import LOCAL
from simulators.sensor_simulator import HOUR_S, CitySizes, SimulationSpan, generator, local_midnight_s, local_time

_STREAM = 4
_INTERVAL_S = 300
_PER_HOUR = HOUR_S // _INTERVAL_S
_RATED_KVA = (250.0, 400.0, 630.0)

# Households' power relative to the evening peak, by local hour from 0 to 23.
_HOUSEHOLDS = (34, 30, 28, 27, 28, 32, 45, 62, 64, 56, 52, 52, 55, 53, 52, 55, 66, 86, 100, 97, 88, 76, 60, 44)


class TransformerSimulator:
    """All metered transformers of the city; see `SensorSimulator`."""

    kind: ClassVar[str] = "transformer_load"
    truth_name: ClassVar[str] = "active_power_kw"
    decimals: ClassVar[Mapping[str, int]] = {
        "load_ratio": 4, "apparent_power_kva": 2, "active_power_kw": 2, "reactive_power_kvar": 2, "current_a": 1, "voltage_v": 1,
        "frequency_hz": 3, "oil_temperature_c": 1,
    }  # fmt: skip
    noise: ClassVar[Mapping[str, float]] = {"active_power_kw": 30.0, "oil_temperature_c": 6.0}
    geometries: tuple[ContainerGeometry, ...] = ()

    def __init__(self, city_map: CityMap, sizes: CitySizes, span: SimulationSpan, seed: int) -> None:
        self._seed = seed
        self.history_from_s = self.warm_up_from_s = span.start_s(sizes.transformer_days)
        rng = generator(seed, _STREAM)
        streets = [item for item in city_map.streets if item.street.road_class == LOCAL and item.street.district]
        chosen = rng.choice(len(streets), size=sizes.transformers, replace=False)
        self._rated_kva = rng.choice(_RATED_KVA, size=sizes.transformers)
        self.things = [
            _thing(number, streets[place], float(rated))
            for number, (place, rated) in enumerate(zip(sorted(chosen.tolist()), self._rated_kva, strict=True), start=1)
        ]
        self.devices = [
            Device(
                f"meter-{t.thing_id}", "stadspuls_json", self.kind, t.thing_id, "load", f"stadspuls/v1/meter-{t.thing_id}/readings"
            )
            for t in self.things
        ]
        n = len(self.things)
        self._peak_kw = self._rated_kva * rng.uniform(0.5, 0.85, n)
        self._solar_kw = self._rated_kva * rng.uniform(0.3, 1.0, n)
        self._delay_us = rng.integers(200_000, 4_000_000, n)

    def hour(self, start_s: int) -> Batch:
        rng = generator(self._seed, _STREAM, start_s)
        n = len(self.devices)
        device = np.tile(np.arange(n), _PER_HOUR)
        steps = start_s + np.arange(_PER_HOUR) * _INTERVAL_S
        seconds = np.repeat(steps, n)
        active = np.concatenate([self._active_kw(int(second)) for second in steps]) * rng.normal(1, 0.02, len(seconds))
        earlier = np.concatenate([self._active_kw(int(second) - 5400) for second in steps])
        reactive = 0.22 * np.abs(active) + rng.normal(0, 1.5, len(seconds))
        apparent = np.hypot(active, reactive)
        rated = self._rated_kva[device]
        voltage = 232 - 7 * active / rated + rng.normal(0, 0.6, len(seconds))
        values: dict[str, Floats] = {
            "load_ratio": apparent / rated,
            "apparent_power_kva": apparent,
            "active_power_kw": active,
            "reactive_power_kvar": reactive,
            "current_a": apparent * 1000 / (3 * voltage) * rng.uniform(1.02, 1.15, len(seconds)),
            "voltage_v": voltage,
            "frequency_hz": 50 + rng.normal(0, 0.012, len(seconds)),
            "oil_temperature_c": _air_temperature(start_s) + 8 + 42 * (earlier / rated) ** 2 + rng.normal(0, 0.3, len(seconds)),
        }
        return sound_batch(
            device=device,
            observed_at_us=seconds * 1_000_000,
            send_at_us=seconds * 1_000_000 + self._delay_us[device],
            sequence=(seconds - self.history_from_s) // _INTERVAL_S,
            values=values,
            truth=active,
        )

    def _active_kw(self, second: int) -> Floats:
        """Power through each transformer, negative when its roofs make more than its households use."""
        local = local_time(second)
        day = generator(self._seed, _STREAM, 3, local_midnight_s(second))
        sunny, warmth = day.uniform(0.1, 1.0), day.lognormal(0, 0.05)
        share = local.minute / 60
        level = (_HOUSEHOLDS[local.hour] * (1 - share) + _HOUSEHOLDS[(local.hour + 1) % 24] * share) / 100
        hour = local.hour + share
        year = np.cos(2 * np.pi * (local.timetuple().tm_yday - 172) / 365.25)
        half_day = 6.2 + 2.2 * year
        sun = max(0.0, float(np.cos(np.pi / 2 * (hour - 13.2) / half_day))) if abs(hour - 13.2) < half_day else 0.0
        power: Floats = self._peak_kw * level * warmth - self._solar_kw * sunny * sun * (0.55 + 0.35 * year)
        return power


def _air_temperature(second: int) -> float:
    local = local_time(second)
    season = 10.5 - 8 * np.cos(2 * np.pi * (local.timetuple().tm_yday - 25) / 365.25)
    return float(season - 3 * np.cos(2 * np.pi * (local.hour - 4) / 24))


def _thing(number: int, street: MapStreet, rated_kva: float) -> Thing:
    at, direction = point_along(street.street.points, 0.7)
    latitude, longitude = degrees(at + np.array([-direction[1], direction[0]]) * 0.015)
    return Thing(
        thing_id=f"e-{number:04d}",
        thing_type="transformer",
        name=f"Transformer {street.name}",
        latitude=latitude,
        longitude=longitude,
        district=street.street.district,
        simulated=True,
        properties={"street_id": street.street_id, "rated_power_kva": rated_kva},
    )
