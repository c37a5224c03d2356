"""The collection problem in PyVRP's terms.

What PyVRP lacks is put into its matrices:
* Ending empty: each kind of truck has a ghost depot whose incoming edges lead through the best disposal site and home, service
  time included.
* A cap over the whole shift, on litres or on stops: every stop adds its amount, times a weight larger than any route, to the distance
  of the edges that enter it; the distance limit of the vehicle is then exactly the cap, and the prize gives the addition back.
* Breaks: the search runs on a clock without them (`break_clock`).
* Trucks with costs of their own, and stops that only some trucks may serve: a matrix per kind of truck.
* The executed part of a truck's day: the truck starts where it stands, and a required first client there that only it can serve
  carries what is on board, so that its way home is always part of the cost.

Money is counted in hundredths of a cent: whole numbers, exact enough.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyvrp

from processors.routing.break_clock import without_break
from processors.routing.bundles import Bundle, bundled
from processors.routing.keeping import Kept, truck_of_stop
from processors.routing.last_insertions import on_board
from processors.routing.problem import BreakRule, DisposalSite, IntMatrix, Problem, Stop, Truck, Window
from processors.routing.shift_caps import ShiftCap, shift_cap

MONEY = 10_000
"""Units of the engine's cost per unit of the problem's money."""

NO_LIMIT = (1 << 63) - 1
"""PyVRP's own value for a distance without a limit."""

FORBIDDEN_EDGE = 1 << 38
"""Dearer than any route, yet far below the engine's limit: huge values overflow there."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a truck goes on that is on the road already, and what it has on board."""

    kind: int
    place: int
    ready_s: int
    load_l: int
    load_kg: int

    @property
    def is_loaded(self) -> bool:
        return self.load_l > 0 or self.load_kg > 0


@dataclass(frozen=True, eq=False)
class EngineModel:
    """PyVRP's data with what is needed to read its solutions.

    `bundles[c]` is served by client `c`; `sites[d]` is the disposal site of depot `d`; `trucks[t]` are the trucks of vehicle type
    `t`, and `last_sites[t][p]` the site at which a truck of that type tips last when it comes from place `p`. `plain` is `data`
    without the weight of shift caps: nearness is decided on it.
    """

    data: pyvrp.ProblemData
    plain: pyvrp.ProblemData
    bundles: tuple[Bundle, ...]
    sites: dict[int, DisposalSite]
    trucks: tuple[tuple[Truck, ...], ...]
    last_sites: tuple[tuple[DisposalSite, ...], ...]
    shift_weight: int
    shift_mean: float
    starts: tuple[Start, ...] = ()
    """Clients beyond the bundles' are where trucks on the road go on, in this order."""

    def stops_of(self, client: int) -> tuple[Stop, ...]:
        """What a client serves; nothing where a truck goes on."""
        return self.bundles[client].stops if client < len(self.bundles) else ()

    def start_of(self, client: int) -> Start | None:
        return None if client < len(self.bundles) else self.starts[client - len(self.bundles)]

    def start_client(self, vehicle_type: int) -> int | None:
        """The client from which trucks of a type go on; None for those that have not left yet."""
        found = (number for number, start in enumerate(self.starts) if start.kind == vehicle_type)
        return next((len(self.bundles) + number for number in found), None)

    @property
    def ghosts(self) -> int:
        """The number of ghost depots: the last locations; the clients' are before them."""
        return len(self.trucks)


@dataclass(frozen=True, eq=False)
class _Kind:
    """Trucks that the search need not tell apart. `through[p]` and `through_s[p]`: cost and seconds from place p through the best
    disposal site, tipping included, to the depot; `latest_home` the latest arrival there that tipping hours certainly allow."""

    trucks: tuple[Truck, ...]
    last_sites: tuple[DisposalSite, ...]
    through: IntMatrix
    through_s: IntMatrix
    latest_home: int

    @property
    def truck(self) -> Truck:
        return self.trucks[0]


def build(problem: Problem, *, keep_breaks_free: bool = True, kept: Kept | None = None) -> EngineModel:
    """The model of a problem with at least one truck that goes on and one wanted stop. Without `keep_breaks_free` the search does
    not know of breaks: they may fit its solutions or not. Edges of a plan to keep cost less by its reward."""
    if not keep_breaks_free:
        unbroken = tuple(truck.model_copy(update={"break_rule": None}) for truck in problem.trucks)
        problem = replace(problem, trucks=unbroken)
    kinds = _kinds(problem)
    rules = {kind.truck.break_due for kind in kinds}
    bundles = bundled(problem)
    starts = _starts(problem, kinds)
    fixed = [depot.place for depot in problem.depots] + [site.place for site in problem.disposal_sites]
    fixed += [start.place for start in starts]
    first = len(fixed)
    clients, groups, of_client = _clients(bundles, rules, first, _weighs(problem))
    served = len(clients)
    clients = [*clients, *_start_clients(starts, first + served, _weighs(problem))]
    rows = np.array(
        [*fixed, *(bundle.first.place for bundle in of_client), *(start.place for start in starts), *(0 for _ in kinds)]
    )
    last = first + len(clients)
    cap = shift_cap(problem, of_client)
    costs: list[Any] = [_cost_matrix(problem, kind, rows, first, of_client, last) for kind in kinds]
    durations: list[Any] = [_duration_matrix(problem, kind, rows, last) for kind in kinds]
    _only_their_own(problem, kinds, starts, costs, durations, first + served, last)
    rewards = np.zeros((len(rows), len(rows)), dtype=np.int64) if kept is None else _rewards(kept, of_client, first, len(rows))
    given = rewards.max(axis=0)
    weight = max(_longest_route(kind.truck, cost, time) for kind, cost, time in zip(kinds, costs, durations, strict=True))
    weight = weight + int(given.sum()) if cap else 0
    amounts = np.zeros(len(rows), dtype=np.int64)
    if cap is not None:
        amounts[first:last] = [*cap.amounts, *(cap.done_by(problem, kinds[start.kind].truck) for start in starts)]
    locations = [pyvrp.Location(0, 0) for _ in rows]
    depots = _depots(problem, kinds, rules, starts, ghosts_from=last)
    plain_types = [_vehicle_type(problem, kind, index, None, 0, starts) for index, kind in enumerate(kinds)]
    near = [np.maximum(0, cost - rewards) for cost in costs]
    plain = pyvrp.ProblemData(locations, clients, depots, plain_types, near, durations, groups)
    data = plain
    if weight or kept is not None:
        types = [_vehicle_type(problem, kind, index, cap, weight, starts) for index, kind in enumerate(kinds)]
        added = weight * amounts + given
        costs = [cost + added[np.newaxis, :] - np.diag(added) - rewards for cost in costs]
        clients = [_prized(client, int(added[first + index])) for index, client in enumerate(clients)]
        data = pyvrp.ProblemData(locations, clients, depots, types, costs, durations, groups)
    sites = {len(problem.depots) + index: site for index, site in enumerate(problem.disposal_sites)}
    return EngineModel(
        data=data,
        plain=plain,
        bundles=tuple(of_client),
        sites=sites,
        trucks=tuple(kind.trucks for kind in kinds),
        last_sites=tuple(kind.last_sites for kind in kinds),
        shift_weight=weight,
        shift_mean=float(amounts[first:last].mean()) if weight else 1.0,
        starts=tuple(starts),
    )


def _kinds(problem: Problem) -> list[_Kind]:
    """Trucks that differ in nothing but their name, together; those that stops name are told apart by the stops they may serve."""
    picky = [stop for stop in problem.stops if stop.trucks or stop.fraction or stop.max_width_mm or stop.max_weight_kg]
    alike: dict[tuple[object, ...], list[Truck]] = defaultdict(list)
    for truck in problem.trucks:
        if not truck.goes_on:
            continue
        barred = tuple(stop.node for stop in picky if stop.why_barred(truck) is not None)
        alike[truck.model_copy(update={"truck_id": ""}), barred].append(truck)
    return [_kind(problem, tuple(trucks)) for trucks in alike.values()]


def _kind(problem: Problem, trucks: tuple[Truck, ...]) -> _Kind:
    truck = trucks[0]
    depot = problem.depot_by_node[truck.depot]
    home_by = min(truck.shift_end_s, depot.closes_s)
    limits = {
        site.node: site.closes_s + site.service_duration_s + int(problem.seconds[site.place, depot.place])
        for site in problem.sites_of(truck)
    }
    # Sites whose hours never bind; where all bind, those that close last, and the return is bounded so that each is still open.
    loosest = min(home_by, max(limits.values()))
    sites = [site for site in problem.sites_of(truck) if limits[site.node] >= loosest]
    per_s = truck.cost_per_h * MONEY / 3600
    metres = np.array([problem.metres[:, site.place] + problem.metres[site.place, depot.place] for site in sites])
    seconds = np.array([problem.seconds[:, s.place] + s.service_duration_s + problem.seconds[s.place, depot.place] for s in sites])
    costs = np.rint(metres * (truck.cost_per_km * MONEY / 1000)).astype(np.int64)
    best = np.argmin(costs + per_s * seconds, axis=0)
    columns = np.arange(len(problem.metres))
    chosen = tuple(sites[index] for index in best)
    return _Kind(trucks, chosen, costs[best, columns], seconds[best, columns], loosest)


def _starts(problem: Problem, kinds: list[_Kind]) -> list[Start]:
    """One for each kind whose truck is on the road already; such a truck is always a kind of its own."""
    starts = []
    for index, kind in enumerate(kinds):
        done = kind.truck.executed
        if done is None:
            continue
        aboard = on_board(problem, kind.truck)
        starts.append(
            Start(
                kind=index,
                place=problem.place_of[done.visits[-1].node],
                ready_s=done.ready_s,
                load_l=sum(stop.load_l for stop in aboard),
                load_kg=sum(stop.load_kg for stop in aboard),
            )
        )
    return starts


def _start_clients(starts: list[Start], first_location: int, weigh: bool) -> list[pyvrp.Client]:
    return [
        pyvrp.Client(
            location=first_location + index,
            pickup=[start.load_l, start.load_kg] if weigh else [start.load_l],
            tw_early=start.ready_s,
            tw_late=start.ready_s,
        )
        for index, start in enumerate(starts)
    ]


def _only_their_own(
    problem: Problem, kinds: list[_Kind], starts: list[Start], costs: list[Any], durations: list[Any], first: int, ghosts_from: int
) -> None:
    """Each truck begins where it stands, and no other does; from there an empty one may go straight home."""
    for index, start in enumerate(starts):
        row = first + index
        for kind, cost in enumerate(costs):
            if kind != start.kind:
                cost[:, row] = FORBIDDEN_EDGE
                cost[row, row] = 0
        if not start.is_loaded:
            truck = kinds[start.kind].truck
            home = problem.depot_by_node[truck.depot].place
            per_metre = truck.cost_per_km * MONEY / 1000
            costs[start.kind][row, ghosts_from + start.kind] = round(int(problem.metres[start.place, home]) * per_metre)
            durations[start.kind][row, ghosts_from + start.kind] = problem.seconds[start.place, home]


def _rewards(kept: Kept, of_client: list[Bundle], first: int, size: int) -> IntMatrix:
    """What each edge between stops of the plan to keep saves. So that no edge becomes cheaper than nothing, the most that an edge into a
    stop can save is added to all of them, and to its prize."""
    rows: dict[str, list[int]] = defaultdict(list)
    entry: dict[str, list[int]] = defaultdict(list)
    was, truck = truck_of_stop(kept.routes), np.full(size, -1)
    number = {name: index for index, name in enumerate(sorted(set(was.values())))}
    for index, bundle in enumerate(of_client):
        rows[bundle.stops[-1].node].append(first + index)
        entry[bundle.stops[0].node].append(first + index)
        truck[first + index] = number.get(was.get(bundle.first.node, ""), -1)
    together = (truck[:, np.newaxis] == truck[np.newaxis, :]) & (truck >= 0)
    rewards: IntMatrix = together * round(kept.together * MONEY)
    np.fill_diagonal(rewards, 0)
    for before, after in kept.arcs:
        for row in rows.get(before, ()):
            rewards[row, entry.get(after, [])] += round(kept.reward * MONEY)
    return rewards


def _clients(
    bundles: list[Bundle], rules: set[BreakRule | None], first_location: int, weigh: bool
) -> tuple[list[pyvrp.Client], list[pyvrp.ClientGroup], list[Bundle]]:
    """A client per bundle and safe window; several windows of one bundle exclude each other in a group."""
    clients: list[pyvrp.Client] = []
    groups: list[pyvrp.ClientGroup] = []
    of_client: list[Bundle] = []
    for bundle in bundles:
        windows = [safe for window in bundle.windows if (safe := _safe(window, rules)) is not None]
        required = bundle.first.must_be_served
        several = len(windows) > 1
        group = pyvrp.ClientGroup(required=required) if several else None
        for opens, closes in windows:
            if group is not None:
                group.add_client(len(clients))
            clients.append(
                pyvrp.Client(
                    location=first_location + len(clients),
                    pickup=[bundle.load_l, bundle.load_kg] if weigh else [bundle.load_l],
                    service_duration=bundle.service_duration_s,
                    tw_early=opens,
                    tw_late=closes,
                    prize=0 if required else round(bundle.first.prize * MONEY),
                    required=required and not several,
                    group=len(groups) if several else None,
                )
            )
            of_client.append(bundle)
        if group is not None:
            groups.append(group)
    return clients, groups, of_client


def _safe(window: Window, rules: set[BreakRule | None]) -> Window | None:
    """The part of a window that is safe whichever truck with whichever break comes."""
    kept: Window | None = window
    for rule in rules:
        part = without_break(window, rule)
        if kept is None or part is None:
            return None
        kept = (max(kept[0], part[0]), min(kept[1], part[1])) if len(rules) > 1 else part
    return kept if kept is not None and kept[0] <= kept[1] else None


def _prized(client: pyvrp.Client, addition: int) -> pyvrp.Client:
    """The client with the shift cap's weight given back in its prize, so that serving it costs what it really costs."""
    return pyvrp.Client(
        location=client.location,
        pickup=client.pickup,
        service_duration=client.service_duration,
        tw_early=client.tw_early,
        tw_late=client.tw_late,
        prize=client.prize + (0 if client.required else addition),
        required=client.required,
        group=client.group,
    )


def _depots(
    problem: Problem, kinds: list[_Kind], rules: set[BreakRule | None], starts: list[Start], ghosts_from: int
) -> list[pyvrp.Depot]:
    """Depots, disposal sites, where trucks on the road stand, then one ghost end depot per kind of truck."""
    made = [pyvrp.Depot(index) for index in range(len(problem.depots))]
    for site in problem.disposal_sites:
        hours = _safe((site.opens_s, site.closes_s), rules) or (site.opens_s, site.opens_s)
        made.append(pyvrp.Depot(len(made), tw_early=hours[0], tw_late=hours[1], service_duration=site.service_duration_s))
    made += [pyvrp.Depot(number) for number in range(len(made), len(made) + len(starts))]
    for index, kind in enumerate(kinds):
        rule = kind.truck.break_due
        latest = kind.latest_home - (rule.duration_s if rule else 0)
        made.append(pyvrp.Depot(ghosts_from + index, tw_late=latest))
    return made


def _vehicle_type(
    problem: Problem, kind: _Kind, index: int, cap: ShiftCap | None, weight: int, starts: list[Start]
) -> pyvrp.VehicleType:
    truck = kind.truck
    max_kg = truck.max_load_kg if truck.max_load_kg is not None else 1 << 40
    pause = truck.break_due.duration_s if truck.break_due else 0
    depot = next(i for i, item in enumerate(problem.depots) if item.node == truck.depot)
    allowed = {site.node for site in problem.sites_of(truck)}
    sites = [len(problem.depots) + i for i, site in enumerate(problem.disposal_sites) if site.node in allowed]
    opens = max(truck.shift_start_s, problem.depot_by_node[truck.depot].opens_s)
    closes = min(truck.shift_end_s, problem.depot_by_node[truck.depot].closes_s) - pause
    longest_s = truck.max_shift_s - pause if truck.max_shift_s is not None else closes - opens
    if truck.executed is not None:
        longest_s = max(
            0, longest_s - (truck.executed.ready_s - (truck.executed.left_s if truck.max_shift_s is not None else opens))
        )
        opens = truck.executed.ready_s
        depot = next(
            len(problem.depots) + len(problem.disposal_sites) + number for number, start in enumerate(starts) if start.kind == index
        )
    most = None if cap is None else cap.of_truck(truck)
    longest = NO_LIMIT if most is None else most * weight + weight - 1
    return pyvrp.VehicleType(
        num_available=len(kind.trucks),
        capacity=[truck.capacity_l, *([max_kg] if _weighs(problem) else [])],
        start_depot=depot,
        end_depot=len(problem.depots) + len(problem.disposal_sites) + len(starts) + index,
        fixed_cost=round(truck.fixed_cost * MONEY),
        tw_early=opens,
        tw_late=max(opens, closes),
        shift_duration=longest_s,
        unit_distance_cost=1,
        unit_duration_cost=round(truck.cost_per_h * MONEY / 3600),
        profile=index,
        reload_depots=sites,
        max_distance=longest,
    )


def _cost_matrix(
    problem: Problem, kind: _Kind, rows: IntMatrix, first: int, of_client: list[Bundle], ghosts_from: int
) -> IntMatrix:
    per_metre = kind.truck.cost_per_km * MONEY / 1000
    cost: IntMatrix = np.rint(problem.metres[np.ix_(rows, rows)] * per_metre).astype(np.int64)
    cost[:, ghosts_from:] = kind.through[rows][:, np.newaxis]
    cost[ghosts_from:, :] = FORBIDDEN_EDGE
    for index, bundle in enumerate(of_client):
        if bundle.first.why_barred(kind.truck) is not None:
            cost[:, first + index] = FORBIDDEN_EDGE
    np.fill_diagonal(cost, 0)
    return cost


def _duration_matrix(problem: Problem, kind: _Kind, rows: IntMatrix, ghosts_from: int) -> IntMatrix:
    seconds: IntMatrix = problem.seconds[np.ix_(rows, rows)].copy()
    seconds[:, ghosts_from:] = kind.through_s[rows][:, np.newaxis]
    seconds[ghosts_from:, :] = 0
    np.fill_diagonal(seconds, 0)
    return seconds


def _weighs(problem: Problem) -> bool:
    """Whether any truck has a limit by weight."""
    return any(truck.max_load_kg is not None for truck in problem.trucks)


def _longest_route(truck: Truck, cost: IntMatrix, seconds: IntMatrix) -> int:
    """More than any route of the truck can cost in distance: its dearest second, all day."""
    real = (cost < FORBIDDEN_EDGE) & (seconds > 0)
    dearest = float((cost[real] / seconds[real]).max()) if real.any() else 1.0
    return int(dearest * (truck.shift_end_s - truck.shift_start_s)) + 1
