"""A planner's wishes put into a plan that is there: what nobody asked to change stays as it is. Pure.

A pinned container goes to its cheapest place that fits, a forbidden one comes out; only the tours concerned are timed again. Where that
cannot be, the caller searches anew with the wishes as part of the problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.domain.language import Language
from models.domain.plan_day import Wish, WishKind
from models.domain.verdict import PriceFigures
from models.domain.verdict_words import price_sentence
from processors.plan.planner import Ground
from processors.plan.tours import Tour, driven_routes
from processors.routing.check import check
from processors.routing.last_insertions import tour_of, with_last_insertions
from processors.routing.problem import DisposalSite, Problem, Stop
from processors.routing.schedule import timed_route
from processors.routing.solution import PlannedRoute, Solution
from processors.routing.solve import route_cost, solution_of


def driven(problem: Problem, tours: Sequence[Tour]) -> Solution:
    """Tours driven on a problem's roads."""
    return solution_of(problem, driven_routes(problem, tours), 0, ())


def with_wishes(ground: Ground, tours: Sequence[Tour], wishes: Sequence[Wish]) -> Solution | None:
    """The tours after the wishes; None when a wish does not fit in or the result breaks a rule. `ground` knows the wishes already."""
    problem = ground.problem
    routes = list(driven(problem, tours).routes)
    for wish in sorted(wishes, key=lambda wish: (wish.kind is not WishKind.FORBID, wish.container_id)):
        there = next((route for route in routes if wish.container_id in route.stops), None)
        if wish.kind is WishKind.PIN and there is not None and wish.truck_id in (None, there.truck_id):
            continue
        if there is not None:
            routes.remove(there)
            routes += _without(problem, there, wish.container_id)
        if wish.kind is WishKind.PIN:
            routes = with_last_insertions(_only(problem, wish.container_id), routes, route_cost)
            if not any(wish.container_id in route.stops for route in routes):
                return None
    solution = solution_of(problem, routes, 0, ())
    return None if check(problem, solution.to_json()) else solution


def _only(problem: Problem, node: str) -> Problem:
    """The problem in which no other stop asks to be put in."""
    return replace(problem, stops=tuple(s if s.node == node else s.model_copy(update={"prize": 0.0}) for s in problem.stops))


def _without(problem: Problem, route: PlannedRoute, node: str) -> list[PlannedRoute]:
    """The route without a stop, and without disposal trips that tip nothing; none when nothing is left."""
    tour: list[Stop | DisposalSite] = []
    for item in tour_of(problem, route):
        if item.node != node and (isinstance(item, Stop) or (tour and isinstance(tour[-1], Stop))):
            tour.append(item)
    if not tour:
        return []
    truck = problem.truck_by_id[route.truck_id]
    timed = timed_route(problem, truck, tour) or timed_route(problem, truck, tour, overtime=True)
    return [timed] if timed is not None else []


@dataclass(frozen=True, slots=True)
class Price:
    """What wishes change, all else equal: metres, seconds, money of trucks and crews, and how many containers are expected to overflow
    before the next chance. `also` are other containers that come on or off, which is empty where the plan is only mended."""

    metres: int
    seconds: int
    cost: float
    expected_overflows: float
    on: tuple[str, ...]
    off: tuple[str, ...]
    also: tuple[str, ...]

    @property
    def figures(self) -> PriceFigures:
        """What its sentence is written from."""
        return PriceFigures(
            metres=self.metres, seconds=self.seconds, cost=self.cost, expected_overflows=self.expected_overflows, also=self.also
        )

    def sentence(self, language: Language = "en") -> str:
        """What it costs, for a person."""
        return price_sentence(self.figures, language)


def price(ground: Ground, before: Solution, after: Solution, wishes: Sequence[Wish]) -> Price:
    """The difference between two solutions of one ground."""
    asked = {wish.container_id for wish in wishes}
    was, now = ({node for route in solution.routes for node in route.stops} for solution in (before, after))
    risk = {judged.container.thing_id: judged for judged in ground.day.judgements}

    def overflows(collected: set[str]) -> float:
        return sum(
            (judged.overflow_before if node in collected else judged.overflow_by_next) or 0.0 for node, judged in risk.items()
        )

    return Price(
        metres=after.distance_m - before.distance_m,
        seconds=after.duration_s - before.duration_s,
        cost=round(after.cost - before.cost, 2),
        expected_overflows=round(overflows(now) - overflows(was), 4),
        on=tuple(sorted(now - was)),
        off=tuple(sorted(was - now)),
        also=tuple(sorted((now ^ was) - asked)),
    )
