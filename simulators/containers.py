"""Where the made-up city's waste containers stand, how large they are, and how fast each one fills.

Containers stand in rows at sites beside streets: residual waste nearly everywhere, the other fractions at some of the sites.
What a container gets in a day depends on its site (how many people live or shop around it) and on itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.domain.registry import Fraction, Thing
from simulators.city_map import CityMap, MapStreet, degrees
from simulators.city_shape import DISTRICTS
from simulators.plane import Points, point_along
from simulators.road_lines import MAIN

LEVEL_DEVICE_MODELS = ("stadspuls_json", "milesight_em310_udl", "decentlab_dl_mbx")
"""A third of the containers each."""


@dataclass(frozen=True, slots=True)
class FractionTraits:
    """What the containers of one fraction have in common. `usual_days` is how often a city of old empties them."""

    share: float
    capacity_l: int
    empty_distance_mm: float
    full_distance_mm: float
    service_duration_s: int
    usual_days: float
    site_share: float
    litres_per_deposit: float


FRACTION_TRAITS: dict[Fraction, FractionTraits] = {
    "residual": FractionTraits(0.38, 5000, 2650, 360, 240, 3.5, 1.0, 33.0),
    "paper": FractionTraits(0.20, 5000, 2650, 360, 240, 7.0, 0.50, 26.0),
    "glass": FractionTraits(0.14, 4000, 2250, 350, 300, 14.0, 0.34, 14.0),
    "plastic": FractionTraits(0.16, 5000, 2650, 360, 240, 7.0, 0.42, 38.0),
    "organic": FractionTraits(0.12, 2000, 1750, 330, 180, 7.0, 0.38, 15.0),
}
_MEAN_FILL_AT_USUAL_EMPTYING = 0.53
_SITE_SPREAD = 0.24
_CONTAINER_SPREAD = 0.24
_SITES_APART_KM = 0.11


@dataclass(frozen=True, slots=True)
class Site:
    """A spot beside a street with one or more containers. `at` and `direction` are of the plane; `activity` is relative to 1."""

    site_id: str
    street: MapStreet
    at: Points
    direction: Points
    activity: float


@dataclass(frozen=True, slots=True)
class SimulatedContainer:
    """A container with what only the simulation knows about it: its inflow and the litres of a deposit."""

    thing: Thing
    site: Site
    fraction: Fraction
    capacity_l: int
    empty_distance_mm: float
    full_distance_mm: float
    litres_per_day: float
    litres_per_deposit: float
    device_model: str


def place_containers(city_map: CityMap, count: int, rng: np.random.Generator) -> tuple[SimulatedContainer, ...]:
    """`count` containers at about a third as many sites."""
    sites = _place_sites(city_map, max(1, round(count * 0.31)), rng)
    placed: list[tuple[Site, Fraction]] = []
    for fraction, wanted in _quotas(count).items():
        appeal = np.array([site.activity for site in sites]) * rng.lognormal(0, 0.5, len(sites))
        by_appeal = np.argsort(-appeal)[: max(1, round(len(sites) * FRACTION_TRAITS[fraction].site_share))]
        placed += [(sites[by_appeal[i % len(by_appeal)]], fraction) for i in range(wanted)]
    placed.sort(key=lambda item: item[0].site_id)  # stable: fractions keep their order within a site
    models = [LEVEL_DEVICE_MODELS[i % len(LEVEL_DEVICE_MODELS)] for i in range(count)]
    rng.shuffle(models)
    rows: dict[str, int] = {}
    containers = []
    for number, ((site, fraction), model) in enumerate(zip(placed, models, strict=True), start=1):
        place_in_row = rows.get(site.site_id, 0)
        rows[site.site_id] = place_in_row + 1
        containers.append(_container(number, site, fraction, place_in_row, model, rng))
    return tuple(containers)


def _quotas(count: int) -> dict[Fraction, int]:
    """Containers per fraction; what rounding leaves over is residual."""
    quotas: dict[Fraction, int] = {name: round(traits.share * count) for name, traits in FRACTION_TRAITS.items()}
    quotas["residual"] += count - sum(quotas.values())
    return quotas


def _place_sites(city_map: CityMap, count: int, rng: np.random.Generator) -> list[Site]:
    chosen: list[tuple[MapStreet, Points, Points]] = []
    for district in DISTRICTS:
        streets = [
            item
            for item in city_map.streets
            if item.street.district == district.name
            and item.bridge_id is None
            and item.street.road_class != MAIN
            and not item.street.name_key.startswith("De Vaart")
        ]
        centre = district.outline.mean(axis=0)
        weights = np.array(
            [item.street.length_km * (0.5 + np.exp(-np.hypot(*(item.street.points[0] - centre)))) for item in streets],
            dtype=np.float64,
        )
        wanted = len(chosen) + max(1, round(count * district.container_share))
        apart = _SITES_APART_KM
        for attempt in range(60 * count):
            if len(chosen) >= wanted:
                break
            if attempt % (4 * count) == 4 * count - 1:
                apart *= 0.8  # a crowded city: stand closer rather than not at all
            item = streets[rng.choice(len(streets), p=weights / weights.sum())]
            at, direction = point_along(item.street.points, rng.uniform(0.2, 0.8))
            if all(np.hypot(*(at - other)) >= apart for _, other, _ in chosen):
                chosen.append((item, at, direction))
    order = sorted(range(len(chosen)), key=lambda i: (chosen[i][0].street.district, chosen[i][0].neighbourhood, i))
    activities = rng.lognormal(-(_SITE_SPREAD**2) / 2, _SITE_SPREAD, len(chosen))
    return [Site(f"site-{n:03d}", *chosen[i], float(activities[i])) for n, i in enumerate(order, start=1)]


def _container(
    number: int, site: Site, fraction: Fraction, place_in_row: int, device_model: str, rng: np.random.Generator
) -> SimulatedContainer:
    traits = FRACTION_TRAITS[fraction]
    aside = np.array([-site.direction[1], site.direction[0]]) * 0.009
    latitude, longitude = degrees(site.at + aside + site.direction * 0.0035 * place_in_row)
    own = float(rng.lognormal(-(_CONTAINER_SPREAD**2) / 2, _CONTAINER_SPREAD))
    per_day = traits.capacity_l * _MEAN_FILL_AT_USUAL_EMPTYING / traits.usual_days * site.activity * own
    thing = Thing(
        thing_id=f"c-{number:04d}",
        thing_type="container",
        name=f"{site.street.name}, {fraction}",
        latitude=latitude,
        longitude=longitude,
        district=site.street.street.district,
        fraction=fraction,
        capacity_l=traits.capacity_l,
        service_duration_s=traits.service_duration_s,
        simulated=True,
        properties={"site": site.site_id, "street_id": site.street.street_id, "neighbourhood": site.street.neighbourhood},
    )
    return SimulatedContainer(
        thing=thing,
        site=site,
        fraction=fraction,
        capacity_l=traits.capacity_l,
        empty_distance_mm=round(traits.empty_distance_mm + float(rng.uniform(-60, 60))),
        full_distance_mm=round(traits.full_distance_mm + float(rng.uniform(-15, 25))),
        litres_per_day=per_day,
        litres_per_deposit=float(np.clip(traits.litres_per_deposit * rng.lognormal(0, 0.25), 8, 57)),
        device_model=device_model,
    )
