"""The plan of one fraction and day, pure: judgements and roads in, plan out, with everything that it was made from.

Never worse: what the search found, and what the fixed schedule would drive, are weighed by the same measure (the cost of driving
plus the prizes left standing); the better one is kept and the verdict says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from models.domain.failures import UserError
from models.domain.plan import CollectionPlan
from models.domain.registry import Depot, DisposalSite, FixedCollection, Thing, Truck
from processors.plan.calendar import Chances, is_due, next_due
from processors.plan.drawing import drawn_routes
from processors.plan.fixed_schedule import costed, drive_fixed_tours, fixed_tours
from processors.plan.judgement import Judgement
from processors.plan.reasons import Outcome, decision
from processors.routing import problem as routing
from processors.routing.check import check
from processors.routing.detours import detour_of
from processors.routing.roads import RoadMatrix, RoadProfile, Roads
from processors.routing.solution import PlannedRoute, Solution
from processors.routing.solve import Stopping, solution_of, solve
from runtime.settings import PlanSettings

REQUIRED_PRIZE = 1000.0
"""Added to what must be collected. It is a prize, not a condition, so that a day with too few trucks still gets the best plan."""
SCHEDULE_PRIZE = 500.0
"""For a container without data that the fixed schedule collects today."""


@dataclass(frozen=True, eq=False)
class FractionDay:
    """Everything that decides the plan of one fraction on one day. `fleet` are all trucks of the city, `trucks` those that
    work for this fraction today."""

    fraction: str
    when: Chances
    judgements: tuple[Judgement, ...]
    trucks: tuple[Truck, ...]
    fleet: tuple[Truck, ...]
    depots: tuple[Depot, ...]
    disposal_sites: tuple[DisposalSite, ...]
    fixed_lines: tuple[FixedCollection, ...]


@dataclass(frozen=True, eq=False)
class Planned:
    """A plan with the problem that was solved and the roads that it was solved on."""

    plan: CollectionPlan
    problem: routing.Problem
    roads: RoadMatrix


def plan_fraction(
    day: FractionDay,
    roads: Roads,
    profile: RoadProfile,
    settings: PlanSettings,
    zone: ZoneInfo,
    made_at: datetime,
    revision: int = 1,
) -> Planned:
    """The plan. Takes as long as `settings` lets the search run; raises `UserError` for a contradictory registry."""
    sites = [site for site in day.disposal_sites if day.fraction in site.fractions]
    if not sites:
        raise UserError(f"no disposal site takes {day.fraction}; add one to the registry, or the fraction to a site's fractions")
    containers = [judged.container for judged in day.judgements]
    located: list[Depot | DisposalSite | Thing] = [*day.depots, *sites, *containers]
    places = [(item.latitude, item.longitude) for item in located]
    matrix = roads.matrix(places, profile)
    problem, yard = _problems(day, sites, matrix, settings)
    stopping = Stopping(settings.plan_iterations or None, None if settings.plan_iterations else settings.plan_seconds)
    solution = solve(problem, stopping, settings.plan_seed)
    stops = {stop.node: stop for stop in problem.stops}
    fixed_routes = drive_fixed_tours(yard, fixed_tours(day.fixed_lines, day.when.plan_date, frozenset(stops)), stops)
    solution, kept_fixed, verdict = _better(problem, yard, solution, fixed_routes, day)
    plan = CollectionPlan(
        plan_date=day.when.plan_date,
        district="*",
        fraction=day.fraction,
        revision=revision,
        made_at=made_at,
        seed=settings.plan_seed,
        iterations=solution.iterations,
        matrix_source=matrix.source,
        routes=drawn_routes(solution.routes, dict(zip(_nodes(problem), places, strict=True)), roads, profile),
        decisions=tuple(
            decision(_outcome(judged, problem, solution, day, kept_fixed), day.when, settings, zone) for judged in day.judgements
        ),
        fixed_schedule=costed(fixed_routes),
        check_failures=tuple(str(failure) for failure in check(problem, solution.to_json())),
        verdict=verdict,
    )
    return Planned(plan, problem, matrix)


def _nodes(problem: routing.Problem) -> list[str]:
    return [*(d.node for d in problem.depots), *(s.node for s in problem.disposal_sites), *(s.node for s in problem.stops)]


def _problems(
    day: FractionDay, sites: Sequence[DisposalSite], matrix: RoadMatrix, settings: PlanSettings
) -> tuple[routing.Problem, routing.Problem]:
    """The problem to solve, and the same roads with the whole fleet for costing the fixed tours."""
    depots = tuple(routing.Depot(node=depot.depot_id, place=index) for index, depot in enumerate(day.depots))
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
    stops = tuple(
        _stop(judged, first + index, judged.container.thing_id in due, settings) for index, judged in enumerate(day.judgements)
    )

    def made(trucks: Sequence[Truck], stops: tuple[routing.Stop, ...]) -> routing.Problem:
        vehicles = tuple(_vehicle(truck) for truck in trucks)
        return routing.Problem(depots, tips, vehicles, stops, matrix.metres, matrix.seconds, matrix.source)

    return made(day.trucks, stops), made(day.fleet, ())


def _vehicle(truck: Truck) -> routing.Truck:
    return routing.Truck(
        truck_id=truck.truck_id,
        depot=truck.depot_id,
        capacity_l=truck.capacity_l,
        max_load_kg=truck.max_load_kg,
        shift_start_s=truck.shift_start_s,
        shift_end_s=truck.shift_end_s,
        cost_per_km=truck.cost_per_km,
        cost_per_h=truck.cost_per_h,
    )


def _stop(judged: Judgement, place: int, due: bool, settings: PlanSettings) -> routing.Stop:
    container = judged.container
    service = container.service_duration_s
    extra = REQUIRED_PRIZE if judged.required else SCHEDULE_PRIZE if due and not judged.usable else 0.0
    return routing.Stop(
        node=container.thing_id,
        place=place,
        container_ids=(container.thing_id,),
        load_l=judged.load_l,
        load_kg=round(judged.load_l * settings.plan_weight_kg_per_l),
        service_duration_s=service if service is not None else settings.plan_service_duration_s,
        required=False,
        prize=judged.prize + extra,
    )


def _due_today(day: FractionDay) -> frozenset[str]:
    return frozenset(line.container_id for line in day.fixed_lines if is_due(line, day.when.plan_date))


def _better(
    problem: routing.Problem, yard: routing.Problem, found: Solution, fixed: Sequence[PlannedRoute], day: FractionDay
) -> tuple[Solution, bool, str]:
    """What is kept, whether that is the fixed schedule, and the sentence that says why."""
    by_schedule = solution_of(yard, fixed, found.seed, found.parts, problem.stops)
    ours, theirs = found.objective, by_schedule.objective
    left = _must_go_left(day, by_schedule)
    standing = f", and would leave {left} that must go" if left else ""
    compared = (
        f"the plan drives {found.distance_m / 1000:.1f} km with {_count(found)}, the fixed schedule of the day "
        f"{by_schedule.distance_m / 1000:.1f} km with {_count(by_schedule)}{standing}"
    )
    money = f"(trucks and crews: € {found.cost:.0f} against € {by_schedule.cost:.0f})"
    usable = fixed and all(route.truck_id in problem.truck_by_id for route in fixed)
    if theirs < ours and usable and not check(problem, by_schedule.to_json()):
        return by_schedule, True, f"The fixed schedule is better today and is kept: {compared} {money}."
    if theirs < ours:
        return found, False, f"The fixed schedule weighs less but breaks a rule today, so the plan is kept: {compared} {money}."
    return found, False, f"The plan is better and is kept: {compared} {money}."


def _must_go_left(day: FractionDay, solution: Solution) -> int:
    unserved = set(solution.unserved)
    return sum(1 for judged in day.judgements if judged.required and judged.container.thing_id in unserved)


def _count(solution: Solution) -> str:
    trucks, stops = len(solution.routes), sum(len(route.stops) for route in solution.routes)
    return f"{trucks} {'truck' if trucks == 1 else 'trucks'} and {stops} {'stop' if stops == 1 else 'stops'}"


def _outcome(judged: Judgement, problem: routing.Problem, solution: Solution, day: FractionDay, kept_fixed: bool) -> Outcome:
    container_id = judged.container.thing_id
    detour = detour_of(problem, solution, container_id)
    line = next((item for item in day.fixed_lines if item.container_id == container_id), None)
    return Outcome(
        judgement=judged,
        truck_id=detour.truck_id if detour and detour.on_route else None,
        detour_m=detour.metres if detour else None,
        cost=detour.cost if detour else None,
        due_today=line is not None and is_due(line, day.when.plan_date),
        next_due=next_due(line, day.when.plan_date) if line else None,
        kept_fixed=kept_fixed,
    )
