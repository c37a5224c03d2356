"""What a policy did and left undone, counted day by day. Filled by `simulate`, read by `comparison` and `report`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from experiments.whatif.arrivals import Arrivals
from experiments.whatif.city import City, Floats, Ints
from experiments.whatif.driving import Driven

DAY_S = 86_400.0


@dataclass(frozen=True)
class Outcome:
    """Sums over the counted days of one policy and seed; `daily_km` and `district_*` as lists. Overflow-hours are container-hours with
    more in or beside a container than it holds; litres over lay beside. A service level is the share of emptyings not over capacity:
    a container never emptied does not count there, so these are counted themselves."""

    policy: str
    seed: int
    days: int
    km: float
    hours: float
    truck_days: int
    emptyings: int
    fill_sum: float
    over_capacity: int
    overflow_hours: float
    litres_over: float
    never_served: int
    litres: float
    kept_share: float
    daily_km: list[float]
    daily_emptyings: list[int]
    daily_over_capacity: list[int]
    daily_overflow_hours: list[float]
    district_overflow_hours: list[float]
    district_longest_days: list[float]

    @property
    def km_per_day(self) -> float:
        return self.km / self.days

    @property
    def service_level(self) -> float:
        return 1 - self.over_capacity / self.emptyings if self.emptyings else 1.0

    @property
    def fill_at_emptying(self) -> float:
        return self.fill_sum / self.emptyings if self.emptyings else 0.0

    @property
    def plan_change(self) -> float:
        """Share of a day's stops that were not on the plan of the same weekday a week before."""
        return 1 - self.kept_share

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Tally:
    """Counts the days after the warm-up."""

    def __init__(self, city: City, arrivals: Arrivals, mark_l: Floats, warm_up_days: int) -> None:
        self._city, self._arrivals, self._warm_up = city, arrivals, warm_up_days
        self._hours = self._truck_days = 0.0
        self._fill = self._litres_over = self._litres = 0.0
        self._daily_km: list[float] = []
        self._daily_overflow: list[float] = []
        self._daily_emptyings: list[int] = []
        self._daily_over: list[int] = []
        self._overflow_hours = np.zeros(len(city))
        self._longest = np.zeros(len(city))
        self._last = np.full(len(city), warm_up_days * DAY_S)
        self._served = np.zeros(len(city), dtype=bool)
        self._plans: list[set[int]] = []
        self._kept: list[float] = []
        self._beside_before = np.zeros(len(city))
        self._mark = mark_l

    def add_day(
        self,
        day: int,
        driven: list[Driven],
        trucks: int,
        stops: Ints,
        at_s: Floats,
        content_l: Floats,
        mark_before: Floats,
        mark_after: Floats,
    ) -> None:
        """One day: tours driven, containers emptied, and the inflow marks of all containers before and after."""
        self._plans.append(set(stops.tolist()))
        self._mark = mark_after
        if day == self._warm_up - 1:
            self._beside_before = np.maximum(0.0, self._content((day + 1) * DAY_S) - self._city.capacity_l)
        if day < self._warm_up:
            return
        capacity = self._city.capacity_l
        self._daily_km.append(sum(item.distance_m for item in driven) / 1000)
        self._hours += sum(item.duration_s for item in driven) / 3600
        self._truck_days += trucks
        self._fill += float(np.minimum(1.0, content_l / capacity[stops]).sum())
        beside = np.maximum(0.0, content_l - capacity[stops])
        self._daily_emptyings.append(len(stops))
        self._daily_over.append(int((beside > 0).sum()))
        self._litres_over += float((beside - self._beside_before[stops]).clip(0).sum())
        self._beside_before[stops] = 0.0
        self._litres += float(content_l.sum())
        self._longest[stops] = np.maximum(self._longest[stops], at_s - self._last[stops])
        self._last[stops] = at_s
        self._served[stops] = True
        hours = self._overflowing(day, stops, at_s, mark_before, mark_after)
        self._overflow_hours += hours
        self._daily_overflow.append(float(hours.sum()))
        if len(self._plans) > 7 and stops.size:
            self._kept.append(len(self._plans[-1] & self._plans[-8]) / len(self._plans[-1]))

    def _overflowing(self, day: int, stops: Ints, at_s: Floats, mark_before: Floats, mark_after: Floats) -> Floats:
        """Hours [stop] of the day that ended with more than the container holds."""
        emptied = np.full(len(self._city), np.inf)
        emptied[stops] = at_s / 3600
        hours = np.arange(24 * day + 1, 24 * day + 25)
        inflow = self._arrivals.litres[hours]
        content = inflow - np.where(hours[:, None] < emptied[None, :], mark_before, mark_after)
        total: Floats = (content > self._city.capacity_l).sum(axis=0).astype(float)
        return total

    def _content(self, at_s: float) -> Floats:
        return self._arrivals.until(at_s) - self._mark

    def outcome(self, policy: str, seed: int) -> Outcome:
        """The sums; what lies beside containers at the end is counted."""
        end = self._arrivals.days * DAY_S
        beside = np.maximum(0.0, self._content(end) - self._city.capacity_l) - self._beside_before
        longest = np.maximum(self._longest, end - self._last) / DAY_S
        districts = range(len(self._city.district_names))
        inside = [self._city.district == district for district in districts]
        return Outcome(
            policy=policy,
            seed=seed,
            days=len(self._daily_km),
            km=float(sum(self._daily_km)),
            hours=float(self._hours),
            truck_days=int(self._truck_days),
            emptyings=sum(self._daily_emptyings),
            fill_sum=self._fill,
            over_capacity=sum(self._daily_over),
            overflow_hours=float(self._overflow_hours.sum()),
            litres_over=self._litres_over + float(beside.clip(0).sum()),
            never_served=int((~self._served).sum()),
            litres=self._litres,
            kept_share=float(np.mean(self._kept)) if self._kept else 0.0,
            daily_km=[round(value, 3) for value in self._daily_km],
            daily_emptyings=self._daily_emptyings,
            daily_over_capacity=self._daily_over,
            daily_overflow_hours=self._daily_overflow,
            district_overflow_hours=[float(self._overflow_hours[group].sum()) for group in inside],
            district_longest_days=[float(longest[group].max()) if group.any() else 0.0 for group in inside],
        )
