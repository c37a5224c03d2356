"""What would make an infeasible problem feasible is tried, not guessed."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from models.domain.failures import UserError
from processors.routing.advice import advice
from processors.routing.problem import Problem
from processors.routing.problem_file import problem_to_json
from processors.routing.solve import Infeasible, Stopping, solve
from stadspuls.command import app
from tests.unit.routing.small_town import HOUR, make_problem, make_truck

SHORT = Stopping(iterations=60)


def too_much(stops: int, **of_stop: object) -> Problem:
    """Stops of an hour's service each, 1 km apart, for a truck with a shift of four hours."""
    changes = {index: {"service_duration_s": HOUR} | of_stop for index in range(stops)}
    truck = make_truck(shift_end_s=11 * HOUR)
    return make_problem([(index + 1, 0) for index in range(stops)], [10] * stops, trucks=[truck], stop_changes=changes)


def test_every_way_that_helps_is_named() -> None:
    problem = too_much(4)
    with pytest.raises(Infeasible):
        solve(problem, SHORT)
    truck, hour, fewer = advice(problem, seed=1, stopping=SHORT)
    assert truck == "with one more truck like t1 it fits"
    assert hour == "with shifts an hour longer (until 12:00) it fits"
    assert fewer.startswith("without 1 of the required stops it fits: s")


def test_a_way_that_does_not_help_is_not_named() -> None:
    ways = advice(too_much(9), seed=1, stopping=SHORT)
    assert len(ways) == 1
    assert ways[0].startswith("without 6 of the required stops it fits")


def test_the_command_says_which_stops_and_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "problem.json"
    path.write_bytes(orjson.dumps(problem_to_json(too_much(4))))
    result = CliRunner().invoke(app, ["solve", str(path), "--iterations", "60", "--output", f"{tmp_path}/plan.json"])
    assert isinstance(result.exception, UserError)
    assert "no plan was found that serves all 4 required stops" in str(result.exception)
    assert "with one more truck like t1 it fits" in str(result.exception)
