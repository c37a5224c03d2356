"""Scenarios: what a simulated city is made of. Read by everything in this package; new ones are one entry in `SCENARIOS`.

`groningen-850` rebuilds the set-up of Wouda, Aerts-Veenstra and van Foreest (2024, arXiv 2409.13386) from its published
description: clusters, capacities, deposits, working hours. Where their containers stand and how fast each fills is not public;
the made-up city's size is chosen so that a day of 250 clusters is about as long as published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from models.domain.failures import UserError

HOUR_S = 3600
SensorMode = Literal["levels", "deposits", "perfect"]


@dataclass(frozen=True, slots=True)
class FractionSetup:
    """One fraction: its share of the clusters, its trucks, and how long a usual container takes to fill. `truck_capacity_l` is
    in litres as they lie in a container (a truck presses them); None: never binding."""

    name: str
    share: float
    trucks: int
    days_to_full: float
    truck_capacity_l: int | None = None


@dataclass(frozen=True, slots=True)
class Sensors:
    """What is known of a container in the morning. `noise` is the standard deviation of a level reading, as a ratio;
    `silent_share` of the time a sensor sends nothing, for `silent_days` on end on average; `litre_bias` is by how much a container's
    litres per deposit differ from the usual ones (standard deviation, as a ratio)."""

    mode: SensorMode = "deposits"
    noise: float = 0.0
    silent_share: float = 0.0
    silent_days: float = 21.0
    litre_bias: float = 0.0


@dataclass(frozen=True, slots=True)
class Choosing:
    """The numbers of the joint choice, set per city like the planner's `STADSPULS_PLAN_OVERFLOW_COST` and
    `STADSPULS_PLAN_ROOM_COST`. `overflow_m` is what an overflow is worth to avoid in metres (50,000: at P = 1 % a detour of 500 m),
    `visit_share` what a visit costs as a share of the way to and from the sixth nearest container. A truck of another day is counted on
    at `counted_on_hour` (None: the middle of its work). Below `least_level` a container without risk is not wished for. Stops that may
    overflow in the course of the day are asked for in time, but not before `in_time_from_hour` (None: at any moment of the day)."""

    overflow_m: float
    visit_share: float
    counted_on_hour: float | None = None
    least_level: float = 0.0
    in_time_from_hour: float | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A city. `shifts` are the stretches of a truck's day between being at the depot; `rate_week_spread` is the standard deviation of
    the logarithm of a container's rate from week to week, `rate_week_memory` its correlation with the week before, `rate_walk`
    what of it stays for good each week. `choosing` are the numbers of `ours`, `oracle_choosing` those of the oracle;
    `most_neighbours` limits how many stops the router tries to place a stop beside."""

    name: str
    clusters: int = 850
    fractions: tuple[FractionSetup, ...] = (FractionSetup("residual", 1.0, 4, 6.95),)
    radius_km: float = 6.3
    disposal_km: float = 0.0
    disposal_service_s: int = 0
    speed_km_h: float = 30.0
    shifts: tuple[tuple[int, int], ...] = ((7 * HOUR_S, 10 * HOUR_S), (37_800, 12 * HOUR_S), (45_000, 14 * HOUR_S))
    plan_hour: int = 7
    districts: int = 8
    rate_spread: float = 0.45
    rate_week_spread: float = 0.0
    rate_week_memory: float = 0.5
    rate_walk: float = 0.0
    day_spread: float = 0.0
    weekday_weights: tuple[float, ...] = (1.0,) * 7
    windowed_share: float = 0.0
    window: tuple[int, int] = (7 * HOUR_S, 11 * HOUR_S)
    breakdown_probability: float = 0.0
    sensors: Sensors = Sensors()
    history_days: int = 56
    warm_up_days: int = 14
    top_n: int = 250
    choosing: Choosing = Choosing(100_000.0, 1.0, counted_on_hour=8.5, least_level=0.65, in_time_from_hour=8.0)
    oracle_choosing: Choosing = Choosing(50_000.0, 1.5, counted_on_hour=8.5, in_time_from_hour=8.0)
    most_neighbours: int = 100
    unit: str = "clusters"


SCENARIOS = {
    "groningen-850": Scenario(name="groningen-850"),
    "groningen-850-plus": Scenario(
        name="groningen-850-plus",
        fractions=(
            FractionSetup("residual", 0.50, 5, 5.0, 100_000),
            FractionSetup("paper", 0.16, 2, 7.0, 120_000),
            FractionSetup("plastic", 0.14, 2, 7.0, 120_000),
            FractionSetup("glass", 0.10, 1, 14.0, 40_000),
            FractionSetup("organic", 0.10, 2, 6.0, 60_000),
        ),
        disposal_km=12.0,
        disposal_service_s=900,
        shifts=((7 * HOUR_S, 15 * HOUR_S),),
        plan_hour=5,
        rate_week_spread=0.25,
        rate_walk=0.05,
        day_spread=0.15,
        weekday_weights=(1.15, 0.95, 0.95, 0.95, 1.0, 1.1, 0.9),
        windowed_share=0.25,
        breakdown_probability=0.02,
        sensors=Sensors(mode="levels", noise=0.03, silent_share=0.05, litre_bias=0.15),
        choosing=Choosing(20_000.0, 0.5),
        oracle_choosing=Choosing(20_000.0, 1.0),
        most_neighbours=20,
    ),
}


def scenario_named(name: str) -> Scenario:
    """The scenario of that name; `UserError` names those there are."""
    if name not in SCENARIOS:
        raise UserError(f"there is no scenario {name!r}; known are {', '.join(SCENARIOS)}")
    return SCENARIOS[name]


def resized(scenario: Scenario, clusters: int) -> Scenario:
    """The scenario with fewer or more clusters: trucks and the policy's top N go along, the city's density stays."""
    ratio = clusters / scenario.clusters
    fractions = tuple(replace(item, trucks=max(1, round(item.trucks * ratio))) for item in scenario.fractions)
    return replace(
        scenario,
        clusters=clusters,
        fractions=fractions,
        radius_km=scenario.radius_km * ratio**0.5,
        top_n=max(1, round(scenario.top_n * ratio)),
    )
