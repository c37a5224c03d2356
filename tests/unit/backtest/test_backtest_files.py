"""Files of a backtest: put right and said, or refused with a sentence that names the line and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from models.domain.failures import UserError
from models.fill_forecast.history import History
from stadspuls.backtest_files import Notes, read_plans, read_readings

HEADER = "container_id,fraction,observed_at,fill_ratio"
START = datetime(2026, 1, 1, tzinfo=UTC)


def line(day: int, *, container: str = "c-1", fraction: str = "glass", level: str = "0.4", zone: str = "Z", hour: int = 0) -> str:
    return f"{container},{fraction},{START + timedelta(days=day, hours=hour):%Y-%m-%dT%H:%M:%S}{zone},{level}"


DAYS = [line(day) for day in range(40)]


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str, header: str = HEADER) -> Path:
        path = tmp_path / "readings.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        return path

    return write


def test_a_good_file_is_read_without_a_note(file: Callable[..., Path]) -> None:
    notes = Notes()
    (history,) = read_readings(file(*DAYS), notes)
    assert (history.container_id, history.fraction, len(history.times)) == ("c-1", "glass", 40)
    assert history.times[0] == START.timestamp()
    assert notes.lines == []


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (list(reversed(DAYS)), "39 lines were not in order of time and were sorted"),
        ([*DAYS, DAYS[7]], "1 repeated lines were left out"),
        ([*DAYS, line(40, level="")], "1 readings without a level were left out"),
        ([*DAYS, line(40, zone="+01:00")], "1 times were given in another zone than UTC and were converted"),
        ([*DAYS, line(40, level="1.02")], "1 levels lay a little outside 0 to 1 and were cut"),
        (
            [*DAYS, line(40, container="c-2")],
            "1 containers have too few readings or days to be scored and were left out, such as c-2",
        ),
    ],
)
def test_what_can_be_put_right_is_and_is_said(file: Callable[..., Path], lines: list[str], note: str) -> None:
    notes = Notes()
    (history,) = read_readings(file(*lines), notes)
    assert note in notes.lines
    assert (np.diff(history.times) > 0).all()
    assert history.levels.max() <= 1


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            [*DAYS, line(7, level="0.9")],
            "readings.csv:42: c-1 reads 0.9 at .*, and 0.4 at the same time in line 9; keep one of them",
        ),
        ([*DAYS, line(40, zone="")], "40 times have a zone and 1 have none; give all of them one"),
        (
            [line(day, level="45") for day in range(40)],
            "readings.csv:2: fill_ratio 45 is not between 0 and 1; .* divide per cent by 100",
        ),
        ([*DAYS, line(40, level="half")], "readings.csv:42: fill_ratio 'half' is no number"),
        ([*DAYS, "c-1,glass,yesterday,0.4"], "readings.csv:42: 'yesterday' is no time"),
        ([*DAYS, "c-1,glass"], "readings.csv:42: the line has fewer fields"),
        ([*DAYS, line(40, fraction="paper")], "readings.csv:42: c-1 has fraction 'paper' here and 'glass' before"),
        (
            [line(0, container=f"c-{number}") for number in range(40)],
            "no container has 28 days with 28 readings; the longest has 1 reading",
        ),
        ([], "holds no readings"),
    ],
)
def test_what_cannot_be_used_is_refused(file: Callable[..., Path], lines: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_readings(file(*lines), Notes())


def test_missing_columns_are_named(file: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"lacks the columns fraction, fill_ratio; its first line must name container_id,fraction"):
        read_readings(file("c-1,x,0.4", header="container_id,observed_at,level"), Notes())


def test_semicolons_and_other_bytes_are_recognised(file: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="separated by semicolons"):
        read_readings(file(header=HEADER.replace(",", ";")), Notes())
    binary = tmp_path / "x.csv"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(UserError, match="not a CSV file in UTF-8"):
        read_readings(binary, Notes())
    with pytest.raises(UserError, match="there is no file"):
        read_readings(tmp_path / "nothing.csv", Notes())


def test_times_without_any_zone_are_utc(file: Callable[..., Path]) -> None:
    (history,) = read_readings(file(*(line(day, zone="") for day in range(40))), Notes())
    assert history.times[0] == START.timestamp()


def test_plans_are_sorted_by_container_and_strangers_are_said(tmp_path: Path) -> None:
    histories = [History(name, "glass", np.array([1.0, 2.0]), np.array([0.1, 0.2])) for name in ("c-1", "c-2")]
    path = tmp_path / "plan.csv"
    path.write_text("container_id,collected_at\nc-1,2026-01-03T08:00:00Z\nc-1,2026-01-02T08:00:00Z\nx,2026-01-02T08:00:00Z\n")
    notes = Notes()
    first, second = read_plans(path, histories, notes)
    assert first.tolist() == sorted(first.tolist())
    assert len(first) == 2
    assert len(second) == 0
    assert "1 collections are of containers that are not scored and were left out" in notes.lines
    assert "1 containers have no planned collection, such as c-2" in notes.lines
    path.write_text("container_id,collected_at\nx,2026-01-02T08:00:00Z\n")
    with pytest.raises(UserError, match="are the container ids the same in both files"):
        read_plans(path, histories, Notes())
