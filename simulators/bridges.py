"""Simulates bridges: openings for ships in daytime, most of them in summer, and strain and inclination that follow temperature.

Every minute a bridge reports whether its road is closed. All bridges share the day's weather; a structure is as warm as the
average of the air over the past hours. What a bridge reports depends on the seed and the minute alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from models.domain.registry import ContainerGeometry, Thing
from simulators.batch import Batch, Device, Floats, sound_batch
from simulators.city_map import BridgeSite, CityMap, degrees
from simulators.sensor_simulator import HOUR_S, CitySizes, SimulationSpan, generator, local_midnight_s, local_time

_STREAM = 3
_INTERVAL_S = 60
_PER_HOUR = HOUR_S // _INTERVAL_S
_SHIPPING_CANALS = ("Lage Vaart", "Hoge Vaart", "Noordersluis", "Poortgracht", "Leeghwatergracht")
_OPENINGS_PER_DAY = (0.7, 0.7, 1.2, 4, 7, 9, 10, 10, 7, 3, 1.2, 0.8)
"""By month, of a bridge that opens, for pleasure craft in summer and freight in winter."""
_RUSH_HOURS = ((7.0, 9.0), (16.5, 18.0))


class BridgeSimulator:
    """All bridges of the city; see `SensorSimulator`."""

    kind: ClassVar[str] = "bridge_state"
    truth_name: ClassVar[str] = "strain_um_m"
    decimals: ClassVar[Mapping[str, int]] = {
        "road_closed": -1, "inclination_deg": 4, "strain_um_m": 1, "vibration_rms_mm_s": 3, "temperature_c": 2,
    }  # fmt: skip
    noise: ClassVar[Mapping[str, float]] = {"strain_um_m": 25.0, "inclination_deg": 0.02}
    geometries: tuple[ContainerGeometry, ...] = ()

    def __init__(self, city_map: CityMap, sizes: CitySizes, span: SimulationSpan, seed: int) -> None:
        self._seed = seed
        self.history_from_s = self.warm_up_from_s = span.start_s(sizes.bridge_days)
        rng = generator(seed, _STREAM)
        self.things = [_thing(site) for site in city_map.bridges]
        self.devices = [
            Device(
                f"bridge-{t.thing_id}",
                "stadspuls_json",
                self.kind,
                t.thing_id,
                "state",
                f"stadspuls/v1/bridge-{t.thing_id}/readings",
            )
            for t in self.things
        ]
        n = len(self.things)
        self._opens = np.array([bool(thing.properties["opens"]) for thing in self.things])
        self._strain_per_degree = rng.uniform(6.0, 11.0, n)
        self._strain_at_ten = rng.uniform(-60, 60, n)
        self._tilt_per_degree = rng.uniform(-0.0015, 0.0015, n)
        self._traffic_load = np.where([site.on_main_road for site in city_map.bridges], 1.0, 0.4) * rng.uniform(0.7, 1.3, n)
        self._delay_us = rng.integers(200_000, 3_000_000, n)
        self._openings: dict[int, tuple[Floats, Floats]] = {}

    def hour(self, start_s: int) -> Batch:
        rng = generator(self._seed, _STREAM, start_s)
        n = len(self.devices)
        device = np.tile(np.arange(n), _PER_HOUR)
        seconds = start_s + np.repeat(np.arange(_PER_HOUR), n) * _INTERVAL_S
        temperature = np.interp(seconds, *self._temperatures(start_s)) + rng.normal(0, 0.05, len(seconds))
        closed = self._closed(device, seconds)
        load = self._traffic_load[device] * _traffic_share(start_s) * ~closed
        warm = temperature - 10
        strain = self._strain_at_ten[device] + self._strain_per_degree[device] * warm + 6 * load * rng.gamma(2, 0.5, len(seconds))
        values: dict[str, Floats] = {
            "road_closed": closed.astype(np.float64),
            "inclination_deg": self._tilt_per_degree[device] * warm + rng.normal(0, 0.0006, len(seconds)),
            "strain_um_m": strain + rng.normal(0, 0.8, len(seconds)),
            "vibration_rms_mm_s": np.abs(0.05 + 0.6 * load * rng.gamma(3, 1 / 3, len(seconds)) + rng.normal(0, 0.01, len(seconds))),
            "temperature_c": temperature,
        }
        return sound_batch(
            device=device,
            observed_at_us=seconds * 1_000_000,
            send_at_us=seconds * 1_000_000 + self._delay_us[device],
            sequence=(seconds - self.history_from_s) // _INTERVAL_S,
            values=values,
            truth=strain,
        )

    def _temperatures(self, start_s: int) -> tuple[Floats, Floats]:
        """Seconds and structure temperatures around an hour: the year's and the day's wave, and weather that changes daily."""
        hours = start_s + np.arange(-1, 3) * HOUR_S
        return hours.astype(np.float64), np.array([self._temperature(int(second)) for second in hours])

    def _temperature(self, second: int) -> float:
        local = local_time(second)
        midnight = local_midnight_s(second)
        share = (second - midnight) / 86_400
        weather = [
            generator(self._seed, _STREAM, 4, day).normal(0, 3) for day in (midnight, local_midnight_s(midnight + 30 * HOUR_S))
        ]
        season = 10.5 - 8 * np.cos(2 * np.pi * (local.timetuple().tm_yday - 25) / 365.25)
        swing = 1.5 + 3.5 * (season - 2.5) / 16
        return float(season + weather[0] * (1 - share) + weather[1] * share - swing * np.cos(2 * np.pi * (share - 4 / 24)))

    def _closed(self, device: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """Whether the road of each row's bridge is closed at each row's second."""
        midnight = local_midnight_s(int(seconds[0]))
        if midnight not in self._openings:
            self._openings = {midnight: self._openings_of(midnight)}
        begins, ends = self._openings[midnight]
        closed: np.ndarray = ((seconds[:, None] >= begins[device]) & (seconds[:, None] < ends[device])).any(axis=1)
        return closed

    def _openings_of(self, midnight: int) -> tuple[Floats, Floats]:
        """Begin and end of the day's openings, shape (bridges, openings); a bridge's row is filled up with moments never reached."""
        rng = generator(self._seed, _STREAM, 5, midnight)
        month = local_time(midnight + 12 * HOUR_S).month
        counts = np.where(self._opens, rng.poisson(_OPENINGS_PER_DAY[month - 1], len(self._opens)), 0)
        begins = np.full((len(counts), max(1, int(counts.max()))), np.inf)
        ends = begins.copy()
        for bridge, count in enumerate(counts.tolist()):
            for number in range(count):
                hour = rng.uniform(8, 19)
                if any(start <= hour < end for start, end in _RUSH_HOURS):
                    continue
                begins[bridge, number] = midnight + hour * HOUR_S
                ends[bridge, number] = begins[bridge, number] + rng.uniform(180, 480)
        return begins, ends


def _traffic_share(start_s: int) -> float:
    hour = local_time(start_s).hour
    return 0.05 if hour < 6 else 1.0 if 7 <= hour < 19 else 0.45


def _thing(site: BridgeSite) -> Thing:
    latitude, longitude = degrees(site.at)
    return Thing(
        thing_id=site.bridge_id,
        thing_type="bridge",
        name=site.name,
        latitude=latitude,
        longitude=longitude,
        district=site.district,
        simulated=True,
        properties={"street_id": site.street_id, "canal": site.canal, "opens": site.canal in _SHIPPING_CANALS},
    )
