"""A city's own recorded history as the arrivals of a what-if: the inflow that its readings show, under policies it did not drive.

Readings are opened up into inflow by `models.fill_forecast` (emptyings detected, plateaus left out). What a full container did
not show is not known: there the usual rate stands in, so that overflow is rather under- than overstated, for all policies alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments.whatif.arrivals import FORESEEN_DAYS, HOUR_WEIGHTS, Arrivals
from experiments.whatif.city import MEAN_LITRES, City, Floats, city_of_places
from experiments.whatif.scenario import Choosing, FractionSetup, Scenario
from models.domain.failures import UserError
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.inflow import inflow_curve

FEWEST_DAYS = 14
COVERED_SHARE = 0.9
"""The period is chosen so that this share of the containers has readings from its begin, and to its end."""
STOPS_PER_TRUCK = 60
KM_PER_DEGREE = 111.32
CHOOSING = Choosing(50_000.0, 0.18)
"""Not those of a made-up city, which were tuned to its rates: in `groningen-850` these never change."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container stands and what it holds."""

    latitude: float
    longitude: float
    capacity_l: float
    district: str


@dataclass(frozen=True, eq=False)
class Recorded:
    """The inflow of containers over a common period: `hourly_l[hour, container]`, history included."""

    ids: tuple[str, ...]
    fractions: tuple[str, ...]
    places: tuple[Place, ...]
    hourly_l: Floats
    initial_l: Floats
    left_out: int


def recorded_from(histories: Sequence[History], places: dict[str, Place], scenario: Scenario) -> Recorded:
    """The common period of the containers whose place is known. Raises `UserError` when it is too short."""
    known = [item for item in histories if item.container_id in places and len(item.times) > 1]
    if len(known) < 2:
        raise UserError("fewer than two containers of the readings have a line in --containers; are the container ids the same?")
    begin = DAY * np.ceil(np.quantile([item.times[0] for item in known], COVERED_SHARE) / DAY)
    end = DAY * np.floor(np.quantile([item.times[-1] for item in known], 1 - COVERED_SHARE) / DAY)
    kept = [item for item in known if item.times[0] <= begin and item.times[-1] >= end]
    needed = scenario.history_days + scenario.warm_up_days + FEWEST_DAYS
    days = int((end - begin) // DAY)
    if len(kept) < 2 or days < needed:
        raise UserError(
            f"the readings of most containers share {max(0, days)} days; a what-if needs {needed}: {scenario.history_days} to learn from, "
            f"{scenario.warm_up_days} to warm up and {FEWEST_DAYS} that count"
        )
    hours = begin + HOUR * np.arange(24 * days + 1)
    columns = []
    levels = []
    for item in kept:
        curve = inflow_curve(item)
        rising = np.maximum.accumulate(np.interp(hours, curve.times, curve.cumulative))
        columns.append(np.diff(rising) * places[item.container_id].capacity_l)
        first = begin + DAY * scenario.history_days
        levels.append(float(np.interp(first, curve.times, curve.levels)) * places[item.container_id].capacity_l)
    return Recorded(
        ids=tuple(item.container_id for item in kept),
        fractions=tuple(item.fraction for item in kept),
        places=tuple(places[item.container_id] for item in kept),
        hourly_l=np.column_stack(columns),
        initial_l=np.array(levels),
        left_out=len(histories) - len(kept),
    )


def countable_days(recorded: Recorded, scenario: Scenario) -> int:
    """Days left after those to learn from and to warm up."""
    return len(recorded.hourly_l) // 24 - scenario.history_days - scenario.warm_up_days


def scenario_of(recorded: Recorded, scenario: Scenario) -> Scenario:
    """The scenario with the recorded city's containers: one truck per fraction and `STOPS_PER_TRUCK` containers."""
    names = sorted(set(recorded.fractions))
    count = len(recorded.ids)
    fractions = tuple(
        FractionSetup(name, share := recorded.fractions.count(name) / count, 1 + int(share * count) // STOPS_PER_TRUCK, 7.0)
        for name in names
    )
    return replace(
        scenario,
        name="recorded history",
        clusters=count,
        fractions=fractions,
        top_n=max(1, round(count * scenario.top_n / scenario.clusters)),
        unit="containers",
        choosing=CHOOSING,
        oracle_choosing=CHOOSING,
    )


def recorded_city(recorded: Recorded, scenario: Scenario) -> City:
    """The containers where they stand; the depot in their middle."""
    degrees = np.array([(place.latitude, place.longitude) for place in recorded.places])
    middle = degrees.mean(axis=0)
    east = (degrees[:, 1] - middle[1]) * KM_PER_DEGREE * np.cos(np.radians(middle[0]))
    north = (degrees[:, 0] - middle[0]) * KM_PER_DEGREE
    names = [item.name for item in scenario.fractions]
    return city_of_places(
        scenario,
        recorded.ids,
        np.column_stack([east, north]),
        np.array([place.capacity_l for place in recorded.places]),
        [place.district for place in recorded.places],
        np.array([names.index(fraction) for fraction in recorded.fractions]),
    )


def recorded_arrivals(recorded: Recorded, scenario: Scenario, days: int) -> Arrivals:
    """The recorded inflow: the first weeks as history, the next `days` (warm-up included) as what comes in."""
    first = 24 * scenario.history_days
    litres = recorded.hourly_l[first : first + 24 * (days + FORESEEN_DAYS)]
    cumulative = np.vstack([np.zeros(litres.shape[1]), np.cumsum(litres, axis=0)])
    share = HOUR_WEIGHTS / HOUR_WEIGHTS.sum()
    return Arrivals(
        history_l=recorded.hourly_l[:first].reshape(scenario.history_days, 24, -1).sum(axis=1),
        litres=cumulative,
        deposits=cumulative / MEAN_LITRES,
        hour_share=np.concatenate([[0.0], np.cumsum(share)]),
        weekday_weights=np.ones(7),
        initial_l=recorded.initial_l,
        days=days,
    )
