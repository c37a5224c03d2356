"""Towns of any size for planning benchmarks: as problems, a fifth of the stops required and the others at a prize; and as cities with
forecasts."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import numpy as np

from models.domain import registry
from models.domain.forecast import InflowForecast
from processors.plan.day import CityInputs
from processors.routing.problem import Depot, DisposalSite, Problem, Stop, Truck

HOUR = 3600
METRES_PER_S = 7.0
FRACTIONS: tuple[registry.Fraction, ...] = ("residual", "paper", "glass", "organic", "plastic")
PLANNED_DAY = date(2026, 11, 24)
MADE_AT = datetime(2026, 11, 24, 3, tzinfo=UTC)


def town(containers: int, trucks: int, seed: int, fraction: str = "residual") -> Problem:
    """A round city of 14 km; every container is a stop of its own, trucks hold 45,000 l and drive eight hours."""
    chance = random.Random(f"{seed} {fraction}")
    at = [(0.0, 0.0), (9_000.0, 2_000.0)]
    at += [(chance.gauss(0, 3_500), chance.gauss(0, 3_500)) for _ in range(containers)]
    places = np.array(at)
    metres = np.rint(np.abs(places[:, np.newaxis, :] - places[np.newaxis, :, :]).sum(axis=2)).astype(np.int64)
    stops = tuple(
        Stop(
            node=f"{fraction}-{index}",
            place=2 + index,
            load_l=chance.randint(500, 4000),
            service_duration_s=120,
            required=chance.random() < 0.2,
            prize=chance.uniform(0, 6),
        )
        for index in range(containers)
    )
    return Problem(
        depots=(Depot(node="depot", place=0),),
        disposal_sites=(DisposalSite(node="tip", place=1, service_duration_s=900),),
        trucks=tuple(
            Truck(
                truck_id=f"{fraction}-truck-{number}",
                depot="depot",
                capacity_l=45_000,
                shift_start_s=7 * HOUR,
                shift_end_s=15 * HOUR,
                cost_per_h=40.0,
            )
            for number in range(trucks)
        ),
        stops=stops,
        metres=metres,
        seconds=np.ceil(metres / METRES_PER_S).astype(np.int64),
        source="grid of a benchmark",
    )


def city(containers: int, trucks: int, seed: int) -> CityInputs:
    """A round city of 14 km with five fractions, as the registry and the forecasts say it: containers of 4,000 l between empty and full
    that fill in four to twenty days, and as many trucks for each fraction."""
    chance = random.Random(seed)
    things = tuple(_container(f"c-{number:05d}", FRACTIONS[number % len(FRACTIONS)], chance) for number in range(containers))
    fleet = tuple(
        registry.Truck(
            truck_id=f"{fraction}-{number:02d}",
            depot_id="depot",
            fractions=(fraction,),
            capacity_l=45_000,
            cost_per_km=1.6,
            cost_per_h=40.0,
        )
        for fraction in FRACTIONS
        for number in range(trucks)
    )
    return CityInputs(
        containers=things,
        forecasts={thing.thing_id: _forecast(thing.thing_id, chance) for thing in things},
        depots=(registry.Depot(depot_id="depot", name="depot", latitude=52.35, longitude=5.2),),
        disposal_sites=(registry.DisposalSite(disposal_site_id="tip", name="tip", latitude=52.36, longitude=5.33),),
        trucks=fleet,
        fixed_lines=(),
    )


def _container(thing_id: str, fraction: registry.Fraction, chance: random.Random) -> registry.Thing:
    return registry.Thing(
        thing_id=thing_id,
        thing_type="container",
        name=thing_id,
        latitude=52.35 + chance.gauss(0, 0.031),
        longitude=5.2 + chance.gauss(0, 0.051),
        fraction=fraction,
        capacity_l=4000,
        service_duration_s=120,
    )


def _forecast(container_id: str, chance: random.Random) -> InflowForecast:
    per_day = chance.uniform(0.05, 0.25)
    spreads = (-0.3, -0.15, 0.0, 0.15, 0.3)
    return InflowForecast(
        container_id=container_id,
        forecaster="made up",
        forecaster_version="1",
        cutoff=MADE_AT,
        known_at=MADE_AT,
        level_at_cutoff=chance.uniform(0.0, 0.95),
        level_observed_at=MADE_AT,
        quantiles=(0.1, 0.25, 0.5, 0.75, 0.9),
        horizon_hours=tuple(range(6, 169, 6)),
        inflow_quantiles=tuple(tuple(per_day * hour / 24 * (1 + spread) for hour in range(6, 169, 6)) for spread in spreads),
        data_grade="good",
        basis="made up",
    )
