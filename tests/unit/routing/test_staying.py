"""A plan stays near to the one that is known, at hardly any cost, on towns of every kind; where it cannot, the cheap one wins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from processors.routing.check import check
from processors.routing.keeping import change
from processors.routing.problem import DisposalSite, Problem, Stop
from processors.routing.problem_file import problem_to_json, write_json
from processors.routing.schedule import timed_route
from processors.routing.solve import Infeasible, Stopping, solve
from processors.routing.staying import MOST_DEARER, solve_near, still_asked_for
from stadspuls.command import app
from tests.unit.routing.other_fills import town, with_other_fills
from tests.unit.routing.small_town import make_problem, make_truck

pytestmark = pytest.mark.lengthy


def stays(seed: int, stops: int, optional: float, iterations: int) -> None:
    """At least 85 % of the pairs of stops and 95 % of the trucks after one fill in twenty changed, at most 1.5 % dearer than a search from
    nothing with as many iterations."""
    today = town(seed, stops, optional)
    yesterday = solve(today, Stopping(iterations=iterations), seed=1)
    tomorrow = with_other_fills(today, seed=seed)
    cold = solve(tomorrow, Stopping(iterations=iterations), seed=2)
    near = solve_near(tomorrow, yesterday.routes, Stopping(iterations=iterations), seed=2).solution
    stayed = change(yesterday.routes, near.routes)
    print(f"\n{stops} stops, seed {seed}: {stayed}, cost {near.objective / cold.objective - 1:+.2%}, {near.iterations} iterations")
    assert check(tomorrow, near.to_json()) == []
    assert near.iterations <= iterations + 10
    assert stayed.arcs_kept >= 0.85
    assert stayed.trucks_kept >= 0.95
    assert near.objective <= cold.objective * 1.015


@pytest.mark.parametrize(("seed", "optional"), [(3, 0.0), (4, 0.0), (5, 0.4), (6, 0.4)])
def test_other_fills_leave_most_of_the_plan_where_it_was_at_hardly_any_cost(seed: int, optional: float) -> None:
    stays(seed, 60, optional, iterations=400)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "optional"), [(3, 0.0), (4, 0.0), (5, 0.0), (3, 0.4), (4, 0.4), (5, 0.4)])
def test_the_same_in_towns_of_three_hundred_stops(seed: int, optional: float) -> None:
    stays(seed, 300, optional, iterations=1500)


def test_a_plan_far_from_good_is_not_stayed_with() -> None:
    """Known is a plan that serves the stops in the order of their names, as the registry lists them."""
    problem = town(stops=40)
    good = solve(problem, Stopping(iterations=400), seed=1)
    names = [stop.node for stop in problem.stops]
    poor = [timed_route(problem, truck, tour_in_order(problem, names[number::4])) for number, truck in enumerate(problem.trucks)]
    assert all(poor)
    near = solve_near(problem, [route for route in poor if route], Stopping(iterations=600), seed=2)
    assert near.change is not None
    assert near.change.arcs_kept < 0.5
    assert near.solution.objective <= good.objective * (1 + 2 * MOST_DEARER)


def tour_in_order(problem: Problem, names: list[str]) -> list[Stop | DisposalSite]:
    return [*(problem.stop_by_node[name] for name in names), problem.disposal_sites[0]]


def test_the_same_iterations_and_seed_give_the_same_plan_and_parts_make_it_again() -> None:
    today = town(stops=20)
    known = solve(today, Stopping(iterations=60), seed=1).routes
    first = solve_near(with_other_fills(today), known, Stopping(iterations=100), seed=2).solution
    again = solve_near(with_other_fills(today), known, Stopping(parts=first.parts), seed=2).solution
    assert again.decided == first.decided


def test_stops_and_trucks_that_are_gone_are_not_missed() -> None:
    today = town(stops=20)
    known = solve(today, Stopping(iterations=60), seed=1).routes
    gone = replace(today, stops=today.stops[5:], trucks=today.trucks[:2])
    assert {node for route in still_asked_for(gone, known) for node in route.stops} <= {stop.node for stop in gone.stops}
    near = solve_near(gone, known, Stopping(iterations=60), seed=2)
    assert check(gone, near.solution.to_json()) == []


def test_what_does_not_fit_is_said_as_always() -> None:
    known = solve(make_problem([(1, 0)], [100]), Stopping(iterations=20)).routes
    late = {index: {"windows": ((25_200, 26_400),)} for index in range(3)}
    problem = make_problem([(9, 0), (-9, 0), (0, 9)], [100] * 3, trucks=[make_truck()], stop_changes=late)
    with pytest.raises(Infeasible, match="no plan was found"):
        solve_near(problem, known, Stopping(iterations=40))


def test_the_command_stays_near_to_a_plan_file_and_says_how_much(tmp_path: Path) -> None:
    today = town(stops=20)
    problem, known, output = (str(tmp_path / name) for name in ("problem.json", "known.json", "plan.json"))
    write_json(Path(problem), problem_to_json(with_other_fills(today)))
    write_json(Path(known), solve(today, Stopping(iterations=60), seed=1).to_json())
    result = CliRunner().invoke(app, ["solve", problem, "--near", known, "--iterations", "60", "--output", output])
    assert result.exit_code == 0, result.output
    assert "of the stops stay with their truck" in result.output
    assert "the first plan after" in result.output
    write_json(Path(known), {"routes": [{"truck_id": "t0"}]})
    refused = CliRunner().invoke(app, ["solve", problem, "--near", known, "--iterations", "5", "--output", output])
    assert "routes[0] is wrong at 'visits'" in str(refused.exception)
