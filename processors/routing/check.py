"""The independent checker: says which rules a plan breaks. It shares no code with the search and trusts nothing that the plan says.

Called on every plan before it is stored and by `stadspuls check`. It reads a plan as plain JSON, so that plans of others can be
checked too; loads, lengths and times are worked out again from the problem and its matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from processors.routing.problem import Depot, DisposalSite, Problem, Stop, Truck

Json = Mapping[str, Any]
CENT = 0.01
"""Costs may differ by so much: plans round them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One broken rule: its name, and a sentence with truck, node and figures."""

    rule: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"


def check(problem: Problem, plan: Json) -> list[Failure]:
    """Every rule that the plan breaks; empty for a valid plan."""
    try:
        return list(_Checker(problem).check(plan))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return [Failure("shape", f"the plan does not have the shape of a PLAN.json: {type(error).__name__} {error}")]


class _Checker:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.stops = {item.node: item for item in problem.stops}
        self.sites = {item.node: item for item in problem.disposal_sites}
        self.depots = {item.node: item for item in problem.depots}
        self.trucks = {item.truck_id: item for item in problem.trucks}

    def check(self, plan: Json) -> Iterator[Failure]:
        served: dict[str, str] = {}
        used: set[str] = set()
        total, cost = 0, 0.0
        for route in plan["routes"]:
            name = str(route["truck_id"])
            truck = self.trucks.get(name)
            if truck is None:
                yield Failure("truck", f"truck {name} does not drive that day")
                continue
            if name in used:
                yield Failure("truck", f"truck {name} has two routes")
            used.add(name)
            unknown = [f"{visit['kind']} {visit['node']}" for visit in route["visits"] if self._thing(visit) is None]
            if unknown:
                yield Failure("node", f"route of truck {name} visits {unknown[0]}, which is not in the problem")
                continue
            yield from _executed(truck, route["visits"])
            yield from self._served(truck, route["visits"], served)
            yield from _order(truck, route["visits"])
            yield from self._loads(truck, route["visits"])
            yield from self._times(truck, route["visits"])
            yield from self._break(truck, route["visits"])
            metres = self._metres(route["visits"])
            total += metres
            if int(route["distance_m"]) != metres:
                yield Failure("length", f"route of truck {name} says {route['distance_m']} m; by the matrix it is {metres} m")
            seconds = _duration_s(truck, route["visits"])
            if "duration_s" in route and int(route["duration_s"]) != seconds:
                yield Failure("duration", f"route of truck {name} says {route['duration_s']} s; by its visits it takes {seconds} s")
            cost += truck.fixed_cost + metres * truck.cost_per_km / 1000 + seconds * truck.cost_per_h / 3600
        if int(plan["distance_m"]) != total:
            yield Failure("length", f"the plan says {plan['distance_m']} m; by the matrix it is {total} m")
        if "cost" in plan and abs(float(plan["cost"]) - cost) > CENT:
            yield Failure("cost", f"the plan says {plan['cost']}; by the trucks' costs it is {cost:.2f}")
        for truck in self.problem.trucks:
            if truck.executed is not None and truck.truck_id not in used:
                yield Failure("executed", f"truck {truck.truck_id} is on the road already and has no route")
        yield from self._required(served, plan)

    def _thing(self, visit: Json) -> Depot | DisposalSite | Stop | None:
        """What a visit is at. A break stands where the truck stands, at any known node."""
        node, kind = str(visit["node"]), str(visit["kind"])
        if kind == "break":
            return self.stops.get(node) or self.sites.get(node) or self.depots.get(node)
        known: Mapping[str, Mapping[str, Depot | DisposalSite | Stop]]
        known = {"depot": self.depots, "disposal": self.sites, "stop": self.stops}
        return known[kind].get(node) if kind in known else None

    def _place(self, visit: Json) -> int:
        thing = self._thing(visit)
        assert thing is not None
        return thing.place

    def _metres(self, visits: Sequence[Json]) -> int:
        places = [self._place(visit) for visit in visits]
        return sum(int(self.problem.metres[a, b]) for a, b in pairwise(places))

    def _served(self, truck: Truck, visits: Sequence[Json], served: dict[str, str]) -> Iterator[Failure]:
        count = 0
        done = 0 if truck.executed is None else sum(1 for visit in truck.executed.visits if visit.kind == "stop")
        for visit in visits:
            if visit["kind"] != "stop":
                continue
            count += 1
            stop = self.stops[str(visit["node"])]
            if stop.node in served:
                yield Failure("twice", f"stop {stop.node} is served by truck {served[stop.node]} and again by {truck.truck_id}")
            served[stop.node] = truck.truck_id
            if stop.forbidden and count > done:
                yield Failure("forbidden", f"stop {stop.node} is forbidden and truck {truck.truck_id} serves it")
            if count > done:
                yield from _access(truck, stop)
        if truck.shift_stops is not None and count > truck.shift_stops:
            yield Failure("shift stops", f"truck {truck.truck_id} serves {count} stops; {truck.shift_stops} are allowed")

    def _loads(self, truck: Truck, visits: Sequence[Json]) -> Iterator[Failure]:
        load_l = load_kg = shift_l = 0
        for visit in visits:
            if visit["kind"] == "stop":
                stop = self.stops[str(visit["node"])]
                load_l += stop.load_l
                load_kg += stop.load_kg
                shift_l += stop.load_l
                if load_l > truck.capacity_l:
                    yield Failure(
                        "load", f"truck {truck.truck_id} holds {load_l} l after {stop.node}, over its {truck.capacity_l} l"
                    )
                if truck.max_load_kg is not None and load_kg > truck.max_load_kg:
                    yield Failure(
                        "weight", f"truck {truck.truck_id} holds {load_kg} kg after {stop.node}, over {truck.max_load_kg} kg"
                    )
            elif visit["kind"] == "disposal":
                load_l = load_kg = 0
            if "load_l" in visit and int(visit["load_l"]) != load_l:
                yield Failure("load", f"at {visit['node']} truck {truck.truck_id} says {visit['load_l']} l and holds {load_l} l")
        stranded = truck.executed is not None and truck.executed.ends_here
        if (load_l > 0 or load_kg > 0) and not stranded:
            yield Failure("empty at the end", f"truck {truck.truck_id} returns with {load_l} l")
        if truck.shift_load_l is not None and shift_l > truck.shift_load_l:
            yield Failure("shift load", f"truck {truck.truck_id} collects {shift_l} l in its shift, over {truck.shift_load_l} l")

    def _times(self, truck: Truck, visits: Sequence[Json]) -> Iterator[Failure]:
        done = 0 if truck.executed is None else len(truck.executed.visits)
        for visit, after in pairwise(visits[max(0, done - 1) :]):
            needed = int(self.problem.seconds[self._place(visit), self._place(after)])
            taken = int(after["arrival_s"]) - int(visit["departure_s"])
            if taken < needed:
                sentence = (
                    f"truck {truck.truck_id} takes {taken} s from {visit['node']} to {after['node']}; the roads need {needed} s"
                )
                yield Failure("travel time", sentence)
        for visit in visits[done:]:
            yield from self._service(truck, visit)
        if truck.executed is not None and truck.executed.ends_here:
            return
        leaves, returns = int(visits[0]["departure_s"]), int(visits[-1]["arrival_s"])
        depot = self.depots.get(truck.depot)
        opens = max(truck.shift_start_s, depot.opens_s if depot else 0)
        closes = min(truck.shift_end_s, depot.closes_s if depot else truck.shift_end_s)
        if leaves < opens and truck.executed is None:
            yield Failure("shift", f"truck {truck.truck_id} leaves at {leaves} s, before {opens} s")
        if returns > closes:
            yield Failure("shift", f"truck {truck.truck_id} is back at {returns} s, after {closes} s")
        if truck.max_shift_s is not None and returns - leaves > truck.max_shift_s:
            yield Failure("shift length", f"truck {truck.truck_id} is out for {returns - leaves} s, over {truck.max_shift_s} s")

    def _service(self, truck: Truck, visit: Json) -> Iterator[Failure]:
        thing = self._thing(visit)
        arrival, departure = int(visit["arrival_s"]), int(visit["departure_s"])
        where = f"truck {truck.truck_id} at {visit['node']}"
        if departure < arrival:
            yield Failure("travel time", f"{where} leaves before it arrives")
        if visit["kind"] not in ("stop", "disposal") or not isinstance(thing, Stop | DisposalSite):
            return
        start = int(visit.get("start_s", departure - thing.service_duration_s))
        if start < arrival:
            yield Failure("service time", f"{where} starts at {start} s, before it arrives at {arrival} s")
        if departure - start < thing.service_duration_s:
            yield Failure("service time", f"{where} stays {departure - start} s; service takes {thing.service_duration_s} s")
        if isinstance(thing, Stop):
            if not any(opens <= start <= closes for opens, closes in thing.windows):
                yield Failure("window", f"{where} starts at {start} s, outside its windows {list(thing.windows)}")
            return
        if not thing.opens_s <= start <= thing.closes_s:
            yield Failure("disposal hours", f"{where} tips at {start} s; it is open from {thing.opens_s} to {thing.closes_s} s")
        if truck.disposal_sites is not None and thing.node not in truck.disposal_sites:
            yield Failure("access", f"truck {truck.truck_id} may not use disposal site {thing.node}")

    def _break(self, truck: Truck, visits: Sequence[Json]) -> Iterator[Failure]:
        rule = None if truck.executed is not None and truck.executed.ends_here else truck.break_rule
        breaks = [(index, visit) for index, visit in enumerate(visits) if visit["kind"] == "break"]
        for index, visit in breaks:
            if index == 0 or str(visits[index - 1]["node"]) != str(visit["node"]):
                yield Failure("break", f"truck {truck.truck_id} has its break at {visit['node']}, where it does not stand")
        if rule is None:
            return
        shift_s = int(visits[-1]["arrival_s"]) - int(visits[0]["departure_s"])
        pause_s = sum(int(visit["departure_s"]) - int(visit["arrival_s"]) for _, visit in breaks)
        good = [
            visit
            for _, visit in breaks
            if rule.earliest_start_s <= int(visit["arrival_s"]) <= rule.latest_start_s
            and int(visit["departure_s"]) - int(visit["arrival_s"]) >= rule.duration_s
        ]
        if not good and shift_s - pause_s >= rule.required_from_s:
            yield Failure(
                "break",
                f"truck {truck.truck_id} has no break of {rule.duration_s} s that starts between {rule.earliest_start_s} and "
                f"{rule.latest_start_s} s",
            )

    def _required(self, served: Mapping[str, str], plan: Json) -> Iterator[Failure]:
        for stop in self.problem.stops:
            if stop.node in served or stop.forbidden:
                continue
            if stop.required or stop.pinned:
                yield Failure("required", f"required stop {stop.node} is not served")
            limit, since = stop.max_interval_days, stop.days_since_collection
            if limit is not None and since is not None and since + stop.next_chance_days > limit:
                yield Failure(
                    "legal interval",
                    f"stop {stop.node} was last collected {since} days ago; at the next chance its {limit} days are over",
                )
        if "unserved" in plan:
            said = {str(node) for node in plan["unserved"]}
            left = {stop.node for stop in self.problem.stops} - set(served)
            if said != left:
                odd = sorted(said ^ left)[0]
                yield Failure("unserved", f"the plan's list of unserved stops is wrong about {odd}")


def _duration_s(truck: Truck, visits: Sequence[Json]) -> int:
    """From leaving the depot to being back; for a truck that broke down, to where its day ends."""
    ends = "departure_s" if truck.executed is not None and truck.executed.ends_here else "arrival_s"
    return int(visits[-1][ends]) - int(visits[0]["departure_s"])


def _executed(truck: Truck, visits: Sequence[Json]) -> Iterator[Failure]:
    """What a truck has done already stands first in its route as it was; one that broke down does nothing after it."""
    if truck.executed is None:
        return
    done = truck.executed.visits
    for number, was in enumerate(done):
        now = visits[number] if number < len(visits) else {}
        if any(str(now.get(key)) != str(value) for key, value in was.model_dump(mode="json").items()):
            yield Failure("executed", f"truck {truck.truck_id} has been at {was.node} already, and the plan says otherwise")
            return
    if truck.executed.ends_here and len(visits) > len(done):
        yield Failure("executed", f"truck {truck.truck_id} ends its day at {done[-1].node} and cannot go on")


def _access(truck: Truck, stop: Stop) -> Iterator[Failure]:
    if stop.trucks is not None and truck.truck_id not in stop.trucks:
        yield Failure("access", f"truck {truck.truck_id} may not serve stop {stop.node}")
    if stop.fraction is not None and truck.fractions is not None and stop.fraction not in truck.fractions:
        yield Failure("fraction", f"truck {truck.truck_id} does not load {stop.fraction}, which stop {stop.node} holds")
    if (stop.max_width_mm or 0) and (truck.width_mm or 0) > (stop.max_width_mm or 0):
        yield Failure(
            "width", f"truck {truck.truck_id} is {truck.width_mm} mm wide; stop {stop.node} allows {stop.max_width_mm} mm"
        )
    if (stop.max_weight_kg or 0) and (truck.weight_kg or 0) > (stop.max_weight_kg or 0):
        yield Failure(
            "street weight", f"truck {truck.truck_id} weighs {truck.weight_kg} kg; stop {stop.node} allows {stop.max_weight_kg} kg"
        )


def _order(truck: Truck, visits: Sequence[Json]) -> Iterator[Failure]:
    """From the truck's depot to the truck's depot, and no depot in between."""
    if truck.executed is not None and truck.executed.ends_here:
        return
    ends = [visits[0], visits[-1]] if len(visits) > 1 else []
    if not ends or any(visit["kind"] != "depot" or str(visit["node"]) != truck.depot for visit in ends):
        yield Failure("depot", f"the route of truck {truck.truck_id} does not go from depot {truck.depot} back to it")
    if any(visit["kind"] == "depot" for visit in visits[1:-1]):
        yield Failure("depot", f"the route of truck {truck.truck_id} visits a depot on the way")
