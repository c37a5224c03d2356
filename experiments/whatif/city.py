"""The containers of a made-up city as arrays: where they stand, what they hold, how fast they fill. Pure, seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.whatif.scenario import Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DETOUR_FACTOR = 1.3
CONTAINERS_PER_CLUSTER = 1120 / 850
USABLE_SHARE = 0.95
CLUSTER_SERVICE_S, CONTAINER_SERVICE_S = 120, 60
LITRES = (10.0, 30.0, 60.0)
"""A deposit's volume is triangular: least, usual, most."""
MEAN_LITRES = sum(LITRES) / 3
LITRES_VARIANCE = (
    LITRES[0] ** 2 + LITRES[1] ** 2 + LITRES[2] ** 2 - LITRES[0] * LITRES[1] - LITRES[0] * LITRES[2] - LITRES[1] * LITRES[2]
) / 18


@dataclass(frozen=True, eq=False)
class City:
    """Arrays over stops (clusters). `metres` and `seconds` are square over places: 0 depot, 1 disposal site, then the stops.
    `window` holds the first and last second at which service may start; `ids` are what people call them."""

    ids: tuple[str, ...]
    east_north_km: Floats
    district: Ints
    district_names: tuple[str, ...]
    fraction: Ints
    capacity_l: Floats
    service_s: Ints
    window: Ints
    metres: Ints
    seconds: Ints
    source: str

    def __len__(self) -> int:
        return len(self.capacity_l)


def made_up_city(scenario: Scenario, seed: int) -> City:
    """The same city for the same scenario and seed. Two thirds of the clusters stand in the inner 55 % of the radius."""
    rng = np.random.default_rng([seed, 1])
    count = scenario.clusters
    inner = rng.random(count) < 0.65
    angle = rng.uniform(0, 2 * np.pi, count)
    share = np.sqrt(rng.random(count)) * np.where(inner, 0.55, 1.0)
    at = scenario.radius_km * share[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    extra = _containers(count, rng)
    capacity = extra * rng.uniform(4000, 5000, count) * USABLE_SHARE
    fraction = rng.permutation(
        np.repeat(np.arange(len(scenario.fractions)), _counts([item.share for item in scenario.fractions], count))
    )
    depot = np.array([0.0, -0.6 * scenario.radius_km])
    disposal = depot + np.array([0.0, -scenario.disposal_km / DETOUR_FACTOR])
    window = np.tile(np.array([0, 86_400]), (count, 1))
    window[rng.random(count) < scenario.windowed_share] = scenario.window
    metres, seconds = _roads(np.vstack([depot, disposal, at]), scenario.speed_km_h)
    district = ((np.arctan2(at[:, 1], at[:, 0]) / (2 * np.pi) % 1) * (scenario.districts - 1)).astype(np.int64) + 1
    district[np.hypot(*at.T) < 0.3 * scenario.radius_km] = 0
    return City(
        ids=tuple(f"c{index:04d}" for index in range(count)),
        east_north_km=at,
        district=district,
        district_names=("centre", *(f"sector {index}" for index in range(1, scenario.districts))),
        fraction=fraction,
        capacity_l=capacity,
        service_s=CLUSTER_SERVICE_S + CONTAINER_SERVICE_S * extra,
        window=window,
        metres=metres,
        seconds=seconds,
        source=f"estimate: straight line × {DETOUR_FACTOR}",
    )


def city_of_places(
    scenario: Scenario, ids: tuple[str, ...], at: Floats, capacity_l: Floats, district: list[str], fraction: Ints
) -> City:
    """A city of known places (kilometres east and north of their middle), with the scenario's depot, roads and service times."""
    depot = np.array([0.0, 0.0])
    metres, seconds = _roads(
        np.vstack([depot, depot + np.array([0.0, -scenario.disposal_km / DETOUR_FACTOR]), at]), scenario.speed_km_h
    )
    names = tuple(sorted(set(district)))
    return City(
        ids=ids,
        east_north_km=at,
        district=np.array([names.index(name) for name in district]),
        district_names=names,
        fraction=fraction,
        capacity_l=capacity_l,
        service_s=np.full(len(ids), CLUSTER_SERVICE_S + CONTAINER_SERVICE_S),
        window=np.tile(np.array([0, 86_400]), (len(ids), 1)),
        metres=metres,
        seconds=seconds,
        source=f"estimate: straight line × {DETOUR_FACTOR}",
    )


def _roads(points_km: Floats, speed_km_h: float) -> tuple[Ints, Ints]:
    between = points_km[:, None] - points_km[None]
    metres = np.rint(1000 * DETOUR_FACTOR * np.hypot(between[..., 0], between[..., 1])).astype(np.int64)
    return metres, np.ceil(metres / (speed_km_h / 3.6)).astype(np.int64)


def _containers(count: int, rng: np.random.Generator) -> Ints:
    """Containers per cluster: one, and for the rest of 1,120 per 850 a second one."""
    return 1 + (rng.random(count) < CONTAINERS_PER_CLUSTER - 1).astype(np.int64)


def _counts(shares: list[float], count: int) -> Ints:
    """Whole numbers in proportion to the shares that add up to `count`."""
    ends = np.rint(np.cumsum(shares) / sum(shares) * count).astype(np.int64)
    return np.diff(ends, prepend=0)
