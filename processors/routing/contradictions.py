"""What cannot be true of a collection problem, found before the search: one sentence per finding, naming the stop and why.

Called by `Problem` when it is made. Each sentence says what would mend it, where that is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from models.domain.number_words import clock

if TYPE_CHECKING:
    from processors.routing.problem import Depot, DisposalSite, Problem, Stop, Truck

MAX_FINDINGS = 20


def contradictions(problem: Problem) -> list[str]:
    """At most `MAX_FINDINGS` sentences; empty when nothing contradicts."""
    found = list(_shape(problem))
    if not found:
        found = [*_trucks(problem), *_stops(problem)]
    if not found:
        found = list(_fleet_totals(problem))
    if len(found) > MAX_FINDINGS:
        return [*found[:MAX_FINDINGS], f"and {len(found) - MAX_FINDINGS} more"]
    return found


def _shape(problem: Problem) -> Iterator[str]:
    """Names, indexes and matrices fit each other."""
    size = len(problem.metres)
    for name, matrix in (("metres", problem.metres), ("seconds", problem.seconds)):
        if matrix.shape != (size, size):
            yield f"the matrix of {name} has shape {matrix.shape}, not {(size, size)}"
        elif size and matrix.min() < 0:
            yield f"the matrix of {name} has a negative entry"
    nodes: list[Depot | DisposalSite | Stop] = [*problem.depots, *problem.disposal_sites, *problem.stops]
    for node, count in Counter(item.node for item in nodes).items():
        if count > 1:
            yield f"{node} is named {count} times; each depot, disposal site and stop needs a name of its own"
    for truck, count in Counter(item.truck_id for item in problem.trucks).items():
        if count > 1:
            yield f"truck {truck} is named {count} times"
    for item in nodes:
        if item.place >= size:
            yield f"{item.node} is at place {item.place}, but the matrices have only {size} places"


def _trucks(problem: Problem) -> Iterator[str]:
    sites = {site.node for site in problem.disposal_sites}
    for truck in problem.trucks:
        if truck.depot not in problem.depot_by_node:
            yield f"truck {truck.truck_id} starts at depot {truck.depot}, which is not in the problem"
        if truck.shift_end_s <= truck.shift_start_s:
            yield f"the shift of truck {truck.truck_id} ends ({clock(truck.shift_end_s)}) before it starts"
        if truck.capacity_l == 0:
            yield f"truck {truck.truck_id} has no capacity"
        unknown = set(truck.disposal_sites or ()) - sites
        if unknown:
            yield f"truck {truck.truck_id} may use disposal site {sorted(unknown)[0]}, which is not in the problem"
        elif problem.stops and not problem.sites_of(truck):
            yield f"truck {truck.truck_id} has no disposal site, and trucks must end empty"
        yield from _executed(problem, truck)
        rule = truck.break_due
        if rule is not None and rule.latest_start_s < rule.earliest_start_s:
            yield f"the break of truck {truck.truck_id} must start before {clock(rule.latest_start_s)} and after that time"
        elif rule is not None and rule.required_from_s == 0 and not _break_fits(truck):
            yield f"the break of truck {truck.truck_id} does not fit into its shift"


def _executed(problem: Problem, truck: Truck) -> Iterator[str]:
    """The executed part names what exists, begins at the truck's depot and is on no other truck."""
    done = truck.executed
    if done is None:
        return
    if done.visits[0].kind != "depot" or done.visits[0].node != truck.depot:
        yield f"the executed part of truck {truck.truck_id} does not begin at its depot {truck.depot}"
    for visit in done.visits:
        if visit.node not in problem.place_of:
            yield f"the executed part of truck {truck.truck_id} was at {visit.node}, which is not in the problem"
    for other in problem.trucks:
        if other.truck_id < truck.truck_id and other.executed is not None and other.executed.stops & done.stops:
            both = sorted(other.executed.stops & done.stops)[0]
            yield f"stop {both} was served by truck {other.truck_id} and by truck {truck.truck_id}"


def _break_fits(truck: Truck) -> bool:
    rule = truck.break_due
    if rule is None or not truck.goes_on:
        return True
    starts = max(rule.earliest_start_s, truck.executed.ready_s if truck.executed else truck.shift_start_s)
    return starts <= rule.latest_start_s and starts + rule.duration_s <= truck.shift_end_s


def _stops(problem: Problem) -> Iterator[str]:
    for stop in problem.stops:
        yield from _windows(stop)
        if stop.pinned and stop.forbidden:
            yield f"stop {stop.node} is pinned and forbidden; take one of the two back"
        if stop.legally_due and stop.forbidden:
            yield (
                f"stop {stop.node} is forbidden, but was last collected {stop.days_since_collection} days ago and by law must be "
                f"every {stop.max_interval_days} days; allow it"
            )
        for truck_id in stop.trucks or ():
            if truck_id not in problem.truck_by_id:
                yield f"stop {stop.node} is for truck {truck_id}, which does not drive that day"
        if stop.must_be_served and stop.node not in problem.executed_stops:
            reason = why_no_truck(problem, stop)
            if reason:
                yield f"required stop {stop.node} cannot be served: {reason}"


def _windows(stop: Stop) -> Iterator[str]:
    if not stop.windows:
        yield f"stop {stop.node} has no window; leave windows out when any time is good"
    for opens, closes in stop.windows:
        if closes < opens:
            yield f"the window of stop {stop.node} closes ({clock(closes)}) before it opens ({clock(opens)})"


def why_no_truck(problem: Problem, stop: Stop) -> str | None:
    """Why no truck can serve the stop alone; None when at least one can."""
    on_the_road = [truck for truck in problem.trucks if truck.goes_on]
    trucks = [truck for truck in on_the_road if stop.why_barred(truck) is None]
    if not trucks:
        return next(
            (f"{reason}; no other truck may" for truck in on_the_road if (reason := stop.why_barred(truck))), "there is no truck"
        )
    reasons = [_why_not(problem, truck, stop) for truck in trucks]
    return None if None in reasons else next(reason for reason in reasons if reason)


def _why_not(problem: Problem, truck: Truck, stop: Stop) -> str | None:
    if stop.load_l > truck.capacity_l:
        return f"its {stop.load_l} l do not fit truck {truck.truck_id} of {truck.capacity_l} l"
    if truck.shift_load_l is not None and stop.load_l > truck.shift_load_l:
        return f"its {stop.load_l} l are over the daily cap of truck {truck.truck_id}"
    if truck.max_load_kg is not None and stop.load_kg > truck.max_load_kg:
        return f"its {stop.load_kg} kg are over the {truck.max_load_kg} kg of truck {truck.truck_id}"
    depot = problem.depot_by_node[truck.depot]
    if truck.executed is None:
        arrival = max(truck.shift_start_s, depot.opens_s) + int(problem.seconds[depot.place, stop.place])
    else:
        arrival = truck.executed.ready_s + int(problem.seconds[problem.place_of[truck.executed.visits[-1].node], stop.place])
    starts = [max(arrival, opens) for opens, closes in stop.windows if arrival <= closes]
    if not starts:
        return f"truck {truck.truck_id} arrives at {clock(arrival)} at the earliest, after its last window"
    return _why_not_home(problem, truck, depot, stop, min(starts) + stop.service_duration_s)


def _why_not_home(problem: Problem, truck: Truck, depot: Depot, stop: Stop, leaves: int) -> str | None:
    """Why the truck is not back in time when it leaves the stop then, goes to the best site and home."""
    latest = min(truck.shift_end_s, depot.closes_s)
    best: int | None = None
    for site in problem.sites_of(truck):
        tips = max(leaves + int(problem.seconds[stop.place, site.place]), site.opens_s)
        if tips <= site.closes_s:
            back = tips + site.service_duration_s + int(problem.seconds[site.place, depot.place])
            best = back if best is None else min(best, back)
    if best is None:
        return "every disposal site has closed when its load could be there"
    if best > latest:
        return f"truck {truck.truck_id} would be back at {clock(best)}, after the end of its shift at {clock(latest)}"
    return None


def _fleet_totals(problem: Problem) -> Iterator[str]:
    """Caps over the whole shift that all trucks together cannot hold."""
    needed = [stop for stop in problem.stops if stop.must_be_served]
    if needed and not problem.trucks:
        yield f"{len(needed)} stops are required and there is no truck"
        return
    caps = [_cap_of(problem, truck) for truck in problem.trucks]
    total = sum(stop.load_l for stop in needed)
    known = [cap for cap in caps if cap is not None]
    if needed and len(known) == len(caps) and total > sum(known):
        yield (
            f"the {len(needed)} required stops hold {total} l, but the daily caps of all {len(caps)} trucks together are "
            f"{sum(known)} l; add a truck or make {total - sum(known)} l optional"
        )


def _cap_of(problem: Problem, truck: Truck) -> int | None:
    """What a truck can take in over its shift; of one that broke down, what it has taken."""
    if truck.executed is not None and truck.executed.ends_here:
        return sum(problem.stop_by_node[node].load_l for node in truck.executed.stops)
    return truck.shift_load_l
