"""The plan of one fraction and day, pure: judgements and roads in, plan out, with everything that it was made from.

Never worse: what the search found, and what the fixed schedule would drive, are weighed by the same measure (the cost of driving
plus the prizes left standing); the better one is kept and the verdict says which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from models.domain.district_standing import Standing
from models.domain.failures import UserError
from models.domain.plan import CollectionPlan
from models.domain.plan_day import Wish, WishKind
from models.domain.registry import Depot, DisposalSite, FixedCollection, Thing, Truck
from models.domain.verdict import About, BrokenLimit, Compared, Levelled, Nearness, Tours, VerdictFigures, WhatIsKept
from models.domain.verdict_words import verdict_sentence
from processors.plan.calendar import Chances, is_due, next_due
from processors.plan.disruption import Disruption, district_ranks, district_weights
from processors.plan.drawing import drawn_routes
from processors.plan.fallback import held_districts
from processors.plan.fixed_schedule import costed, drive_fixed_tours, fixed_tours
from processors.plan.judgement import Judgement
from processors.plan.limits import starting_place, vehicle, windows_of
from processors.plan.prizes import PINNED_PRIZE, prize_of
from processors.plan.reasons import Outcome, decision
from processors.plan.tours import Tour, driven_routes
from processors.routing import problem as routing
from processors.routing.check import check
from processors.routing.detours import detour_of
from processors.routing.keeping import Change, change
from processors.routing.roads import Place, RoadMatrix, RoadProfile, Roads
from processors.routing.side_by_side import joined, split_by_depot
from processors.routing.solution import PlannedRoute, Solution
from processors.routing.solve import Budgets, Stopping, solution_of, solve_within
from processors.routing.staying import Stayed, near_within, still_asked_for
from runtime.settings import PlanSettings

BROKEN = {
    "window": BrokenLimit.WINDOW, "width": BrokenLimit.WIDTH, "street weight": BrokenLimit.WEIGHT, "break": BrokenLimit.BREAK,
    "shift length": BrokenLimit.SHIFT_LENGTH, "shift load": BrokenLimit.SHIFT_LOAD, "shift stops": BrokenLimit.SHIFT_STOPS,
}  # fmt: skip
"""The checker's rules that are limits of the registry, for the verdict on a fixed schedule that breaks them."""
MOST_STOPS_TOGETHER = 1500
"""A fraction's day with more candidates than this is searched depot by depot."""


@dataclass(frozen=True, eq=False)
class FractionDay:
    """Everything that decides the plan of one fraction on one day. `fleet` are all trucks of the city, `trucks` those that
    work for this fraction today, `known` the tours of the plan that this one stays near to: the day's draft, or the last day's."""

    fraction: str
    when: Chances
    judgements: tuple[Judgement, ...]
    trucks: tuple[Truck, ...]
    fleet: tuple[Truck, ...]
    depots: tuple[Depot, ...]
    disposal_sites: tuple[DisposalSite, ...]
    fixed_lines: tuple[FixedCollection, ...]
    wishes: tuple[Wish, ...] = ()
    closed_bridges: tuple[str, ...] = ()
    disruption: Disruption | None = None
    standings: tuple[Standing, ...] = ()
    """How the city's districts stand; the judgements are those of districts held to their fixed routes already."""
    known: tuple[Tour, ...] = ()

    @property
    def wish_of(self) -> dict[str, Wish]:
        return {wish.container_id: wish for wish in self.wishes}


@dataclass(frozen=True, eq=False)
class Ground:
    """What a fraction's day is solved on. `yard` has the whole fleet, for costing the fixed tours; `open_matrix` is the same matrix
    with every bridge passable, None where none is closed."""

    day: FractionDay
    problem: routing.Problem
    yard: routing.Problem
    matrix: RoadMatrix
    open_matrix: RoadMatrix | None
    places: dict[str, Place]
    roads: Roads
    profile: RoadProfile
    settings: PlanSettings
    zone: ZoneInfo
    made_at: datetime
    left_by_crews: Mapping[str, str] = field(default_factory=dict)
    """In a re-plan: containers that crews left standing, with what they said."""

    @cached_property
    def fixed_routes(self) -> list[PlannedRoute]:
        """What the fixed schedule drives, without what a planner forbade."""
        stops = {stop.node: stop for stop in self.problem.stops}
        collected = frozenset(node for node, stop in stops.items() if not stop.forbidden)
        return drive_fixed_tours(self.yard, fixed_tours(self.day.fixed_lines, self.day.when.plan_date, collected), stops)

    def known_routes(self, tours: Sequence[Tour]) -> list[PlannedRoute]:
        """Known tours on these roads; none on a disrupted day, which is like no other."""
        return [] if self.day.disruption is not None else driven_routes(self.problem, tours)


@dataclass(frozen=True, eq=False)
class Planned:
    """A plan with the ground that it was solved on and the solution that it shows."""

    plan: CollectionPlan
    ground: Ground
    solution: Solution

    @property
    def problem(self) -> routing.Problem:
        return self.ground.problem


def plan_fraction(
    day: FractionDay,
    roads: Roads,
    profile: RoadProfile,
    settings: PlanSettings,
    zone: ZoneInfo,
    made_at: datetime,
    parts: tuple[int, ...] | None = None,
) -> Planned:
    """The plan. Takes as long as `settings` lets the search run, or the iterations of an earlier search's `parts`; raises `UserError`
    for a contradictory registry."""
    ground = ground_of(day, roads, profile, settings, zone, made_at)
    stopping = stopping_of(settings) if parts is None else Stopping(parts=parts)
    return chosen(ground, searched(ground, stopping, day.known))


def stopping_of(settings: PlanSettings) -> Stopping:
    """When the search of one fraction ends."""
    return Stopping(settings.plan_iterations or None, None if settings.plan_iterations else settings.plan_seconds)


def searched(ground: Ground, stopping: Stopping, known: Sequence[Tour]) -> Stayed:
    """The search on a ground: near to known tours where there are any; the depots of a large problem one after the other."""
    budgets, routes = Budgets.of(stopping), ground.known_routes(known)
    parts = parts_of(ground)
    found = [
        search_within(part, routes, budgets.share(1 / (len(parts) - number)), ground.settings.plan_seed)
        for number, part in enumerate(parts)
    ]
    return brought_together(ground, routes, found)


def parts_of(ground: Ground) -> list[routing.Problem]:
    """What is searched apart."""
    return split_by_depot(ground.problem, MOST_STOPS_TOGETHER)


def search_near(problem: routing.Problem, known: Sequence[PlannedRoute], stopping: Stopping, seed: int) -> Solution:
    """One search as values alone, for a process of its own."""
    return search_within(problem, known, Budgets.of(stopping), seed)


def search_within(problem: routing.Problem, known: Sequence[PlannedRoute], budgets: Budgets, seed: int) -> Solution:
    return near_within(problem, known, budgets, seed).solution if known else solve_within(problem, budgets, seed, None)


def brought_together(ground: Ground, known: Sequence[PlannedRoute], found: Sequence[Solution]) -> Stayed:
    """The solution of a ground from those of its parts, and what of the known tours it keeps."""
    solution = joined(ground.problem, found)
    return Stayed(solution, change(still_asked_for(ground.problem, known), solution.routes) if known else None)


def chosen(ground: Ground, stayed: Stayed) -> Planned:
    """What was found, or the fixed schedule where that is better, as the plan of the day."""
    solution, kept_fixed, about = _better(ground, stayed.solution)
    return planned(ground, solution, about, kept_fixed=kept_fixed, stayed=None if kept_fixed else stayed.change)


def ground_of(
    day: FractionDay, roads: Roads, profile: RoadProfile, settings: PlanSettings, zone: ZoneInfo, made_at: datetime
) -> Ground:
    """The problem of a fraction's day on its roads. Raises `UserError` for a contradictory registry."""
    sites = [site for site in day.disposal_sites if day.fraction in site.fractions]
    if not sites:
        raise UserError(f"no disposal site takes {day.fraction}; add one to the registry, or the fraction to a site's fractions")
    containers = [judged.container for judged in day.judgements]
    located: list[Depot | DisposalSite | Thing] = [*day.depots, *sites, *containers]
    places = [(item.latitude, item.longitude) for item in located]
    open_matrix = roads.matrix(places, profile) if day.closed_bridges else None
    profile = replace(profile, closed_bridges=profile.closed_bridges | frozenset(day.closed_bridges))
    matrix = roads.matrix(places, profile)
    if open_matrix is not None and open_matrix.estimated != matrix.estimated:
        open_matrix = None  # a server went away in between: the two say nothing about bridges
    problem, yard = _problems(day, sites, matrix, settings)
    return Ground(
        day,
        problem,
        yard,
        matrix,
        open_matrix,
        dict(zip(_nodes(problem), places, strict=True)),
        roads,
        profile,
        settings,
        zone,
        made_at,
    )


def planned(ground: Ground, solution: Solution, about: About, *, kept_fixed: bool = False, stayed: Change | None = None) -> Planned:
    """A solution as the plan that is stored and shown: drawn, checked, with a decision for every container, and a verdict on what it is
    about. `stayed` is what it keeps of a known plan."""
    day, problem = ground.day, ground.problem
    extra = _extra_ways(ground, solution)
    ranks = district_ranks(day.disruption, day.judgements)
    plan = CollectionPlan(
        plan_date=day.when.plan_date,
        district="*",
        fraction=day.fraction,
        revision=1,
        made_at=ground.made_at,
        seed=ground.settings.plan_seed,
        iterations=solution.iterations,
        matrix_source=ground.matrix.source,
        routes=drawn_routes(solution.routes, ground.places, ground.roads, ground.profile),
        decisions=tuple(
            decision(_outcome(judged, ground, solution, kept_fixed, extra, ranks), day.when, ground.settings, ground.zone)
            for judged in day.judgements
        ),
        fixed_schedule=costed(ground.fixed_routes),
        check_failures=tuple(str(failure) for failure in check(problem, solution.to_json())),
        verdict_figures=VerdictFigures(
            main=about,
            bridges=day.closed_bridges,
            shorter_m=max(0, sum(extra.values())),
            near=None if stayed is None else Nearness(trucks_kept=stayed.trucks_kept, arcs_kept=stayed.arcs_kept),
            levelled=_levelled(day, solution),
        ),
        fixed_routes=drawn_routes(ground.fixed_routes, ground.places, ground.roads, ground.profile),
        kept_fixed=kept_fixed,
        held=tuple(held_districts(day.standings, day.when.plan_date, ground.settings).values()),
    )
    verdict = verdict_sentence(plan, ground.settings.plan_language, ground.zone)
    return Planned(plan.model_copy(update={"verdict": verdict}), ground, solution)


def _levelled(day: FractionDay, solution: Solution) -> Levelled | None:
    """How many containers go today so that a later day does not peak; None where none does."""
    served = {node for route in solution.routes for node in route.stops}
    forward = [judged.brought_forward for judged in day.judgements if judged.container.thing_id in served]
    moved = [item for item in forward if item is not None]
    if not moved:
        return None
    busiest = max(moved, key=lambda item: (item.busy_share, item.busy_day))
    return Levelled(containers=len(moved), busy_day=busiest.busy_day, busy_share=round(busiest.busy_share, 4))


def _extra_ways(ground: Ground, solution: Solution) -> dict[str, int]:
    """Metres that closed bridges add to the way to each node of the routes, the way home counted with the depot's."""
    if ground.open_matrix is None:
        return {}
    place = {node: index for index, node in enumerate(_nodes(ground.problem))}
    added = ground.matrix.metres - ground.open_matrix.metres
    extra: Counter[str] = Counter()
    for route in solution.routes:
        for start, end in pairwise(route.visits):
            extra[end.node] += int(added[place[start.node], place[end.node]])
    return dict(extra)


def _nodes(problem: routing.Problem) -> list[str]:
    return [*(d.node for d in problem.depots), *(s.node for s in problem.disposal_sites), *(s.node for s in problem.stops)]


def _problems(
    day: FractionDay, sites: Sequence[DisposalSite], matrix: RoadMatrix, settings: PlanSettings
) -> tuple[routing.Problem, routing.Problem]:
    """The problem to solve, and the same roads with the whole fleet for costing the fixed tours."""
    depots = tuple(starting_place(depot, index) for index, depot in enumerate(day.depots))
    tips = tuple(
        routing.DisposalSite(
            node=site.disposal_site_id,
            place=len(depots) + index,
            opens_s=site.opens_s,
            closes_s=site.closes_s,
            service_duration_s=site.service_duration_s,
        )
        for index, site in enumerate(sites)
    )
    due = _due_today(day)
    first = len(depots) + len(tips)
    weights = district_weights(day.disruption, day.judgements)
    stops = tuple(
        _stop(judged, first + index, judged.container.thing_id in due, day, settings, weights.get(judged.container.district))
        for index, judged in enumerate(day.judgements)
    )

    def made(trucks: Sequence[Truck], stops: tuple[routing.Stop, ...]) -> routing.Problem:
        vehicles = tuple(vehicle(truck, {tip.node for tip in tips}) for truck in trucks)
        return routing.Problem(depots, tips, vehicles, stops, matrix.metres, matrix.seconds, matrix.source)

    return made(day.trucks, stops), made(day.fleet, ())


def _stop(judged: Judgement, place: int, due: bool, day: FractionDay, settings: PlanSettings, weight: float | None) -> routing.Stop:
    """`weight`: on a disrupted day only the expected overflow counts, times its district's weight."""
    container = judged.container
    wish = day.wish_of.get(container.thing_id)
    service = container.service_duration_s
    prize = prize_of(judged, due, settings)
    if weight is not None:
        prize = weight * settings.plan_overflow_cost * (judged.overflow_by_next or 0.0)
    forbidden = wish is not None and wish.kind is WishKind.FORBID
    if wish is not None and not forbidden:
        prize = PINNED_PRIZE
    drives = wish is not None and wish.truck_id is not None and any(truck.truck_id == wish.truck_id for truck in day.trucks)
    return routing.Stop(
        node=container.thing_id,
        place=place,
        container_ids=(container.thing_id,),
        load_l=judged.load_l,
        load_kg=round(judged.load_l * settings.plan_weight_kg_per_l),
        service_duration_s=service if service is not None else settings.plan_service_duration_s,
        windows=windows_of(container, day.fleet),
        max_width_mm=container.max_truck_width_mm,
        max_weight_kg=container.max_truck_weight_kg,
        required=False,
        prize=0.0 if forbidden else prize,
        forbidden=forbidden,
        trucks=(str(wish.truck_id),) if wish is not None and drives else None,
    )


def _due_today(day: FractionDay) -> frozenset[str]:
    return frozenset(line.container_id for line in day.fixed_lines if is_due(line, day.when.plan_date))


def _better(ground: Ground, found: Solution) -> tuple[Solution, bool, About]:
    """What is kept, whether that is the fixed schedule, and what the verdict is about."""
    problem, yard, fixed, day = ground.problem, ground.yard, ground.fixed_routes, ground.day
    if day.disruption is not None:
        return found, False, day.disruption.verdict(_tours(found))
    by_schedule = solution_of(yard, fixed, found.seed, found.parts, problem.stops)
    kept, broken = WhatIsKept.PLAN, tuple[BrokenLimit, ...]()
    if by_schedule.objective < found.objective:
        usable = fixed and all(route.truck_id in problem.truck_by_id for route in fixed)
        failures = check(problem, by_schedule.to_json())
        kept = WhatIsKept.PLAN_AS_FIXED_BREAKS_A_RULE if failures or not usable else WhatIsKept.FIXED
        broken = tuple(sorted({BROKEN[failure.rule] for failure in failures if failure.rule in BROKEN}))
    about = Compared(
        kept=kept, plan=_tours(found), fixed=_tours(by_schedule), left_standing=_must_go_left(day, by_schedule), broken=broken
    )
    return (by_schedule, True, about) if kept is WhatIsKept.FIXED else (found, False, about)


def _must_go_left(day: FractionDay, solution: Solution) -> int:
    unserved = set(solution.unserved)
    return sum(1 for judged in day.judgements if judged.must_go and judged.container.thing_id in unserved)


def _tours(solution: Solution) -> Tours:
    return Tours(
        trucks=len(solution.routes),
        stops=sum(len(route.stops) for route in solution.routes),
        distance_m=solution.distance_m,
        cost=round(solution.cost, 2),
    )


def _outcome(
    judged: Judgement,
    ground: Ground,
    solution: Solution,
    kept_fixed: bool,
    extra: Mapping[str, int],
    ranks: Mapping[str, tuple[int, int]],
) -> Outcome:
    day = ground.day
    container_id = judged.container.thing_id
    detour = detour_of(ground.problem, solution, container_id)
    line = next((item for item in day.fixed_lines if item.container_id == container_id), None)
    wish = day.wish_of.get(container_id)
    collected = detour is not None and detour.on_route
    return Outcome(
        judgement=judged,
        truck_id=detour.truck_id if detour and collected else None,
        detour_m=detour.metres if detour else None,
        cost=detour.cost if detour else None,
        due_today=line is not None and is_due(line, day.when.plan_date),
        next_due=next_due(line, day.when.plan_date) if line else None,
        kept_fixed=kept_fixed,
        wish=wish.kind if wish else None,
        bridges=day.closed_bridges,
        extra_m=extra.get(container_id, 0) if collected else 0,
        left_by_crew=ground.left_by_crews.get(container_id),
        rank=ranks.get(judged.container.district),
    )
