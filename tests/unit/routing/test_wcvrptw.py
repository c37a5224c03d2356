"""The reader of waste collection instances keeps their units and conventions."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.domain.failures import UserError
from processors.routing.check import check
from processors.routing.problem_file import manhattan_matrices
from processors.routing.solve import Stopping, solve
from processors.routing.wcvrptw import FOOT_M, MILE_M, read_wcvrptw, seconds_of_hhmm

FORTY_MPH = 40 * MILE_M / 3600

SMALL = """\
20.0 // vehicle capacity (yards)
30.0 // per day
500 // stops
3600 // lunch
40 // mph
Stop_ID X Y Early Late Service Load Type
0   1000.00   1000.00  0400 1500 0  9999.00 0
9   3000.00   1000.00  0000 2400 1600  9999.00 2
17  5000.00   4000.00  0700 2400 120  9.5 1
18  5000.00   4000.00  0700 2400 90  3 1
21  9000.00   2000.00  0000 1075 60  12.0 1
30  9500.00   2000.00  0000 2400 60  15.0 1
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small_stop.txt"
    path.write_text(SMALL)
    return path


def test_fifteen_thousand_feet_take_262_seconds_and_are_never_rounded_down() -> None:
    """15,387 ft are 2.914 miles, at 40 mph 262.3 s."""
    metres, seconds = manhattan_matrices([(0, 0), (10_000, 5_387)], FOOT_M, FORTY_MPH)
    assert metres[0, 1] / 1609.344 == pytest.approx(2.914, abs=0.0005)
    assert seconds[0, 1] == 263


def test_exact_seconds_are_not_rounded_up() -> None:
    assert manhattan_matrices([(0, 0), (5280, 0)], FOOT_M, FORTY_MPH)[1][0, 1] == 90


@pytest.mark.parametrize(("text", "seconds"), [("0000", 0), ("0730", 27_000), ("2400", 86_400), ("1075", 40_500), ("600", 21_600)])
def test_minutes_above_59_carry_over(text: str, seconds: int) -> None:
    assert seconds_of_hhmm(text) == seconds


def test_small_file_is_read_solved_and_valid(small: Path) -> None:
    problem = read_wcvrptw(small)
    assert [truck.capacity_l for truck in problem.trucks] == [20 * 765] * 2
    assert problem.trucks[0].shift_load_l == 30 * 765
    assert [stop.node for stop in problem.stops] == ["17", "18", "21", "30"]
    assert problem.stops[2].windows == ((0, 40_500),)
    solution = solve(problem, Stopping(iterations=100), seed=1)
    assert check(problem, solution.to_json()) == []
    assert len(solution.routes) == 2


def test_fleet_has_room_to_spare_or_the_size_that_was_asked_for(small: Path) -> None:
    fuller = SMALL.replace("9.5 1", "19.5 1").replace("12.0 1", "19 1").replace("15.0 1", "17.5 1")
    small.write_text(fuller)  # 59 of twice 30: fuller than 98 %
    assert len(read_wcvrptw(small).trucks) == 3
    assert len(read_wcvrptw(small, trucks=5).trucks) == 5


def test_bad_line_is_named(small: Path) -> None:
    small.write_text(SMALL.replace("60  15.0 1", "60  much 1"))
    with pytest.raises(UserError, match=r"small_stop.txt:12: expected id, x, y.*much"):
        read_wcvrptw(small)


def test_bad_header_is_named(small: Path) -> None:
    small.write_text("Stop_ID\n")
    with pytest.raises(UserError, match="first five lines"):
        read_wcvrptw(small)
