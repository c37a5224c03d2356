"""Files of a backtest: put right and said, or refused with a sentence that names the line and what to do."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from models.domain.failures import UserError
from models.fill_forecast.history import DAY, History
from stadspuls.backtest_files import Notes, read_plans, read_readings, refuse_unwritable

HEADER = "container_id,fraction,observed_at,fill_ratio"
START = datetime(2026, 1, 1, tzinfo=UTC)


def line(day: int, *, container: str = "c-1", fraction: str = "glass", level: str = "0.4", zone: str = "Z", hour: int = 0) -> str:
    return f"{container},{fraction},{START + timedelta(days=day, hours=hour):%Y-%m-%dT%H:%M:%S}{zone},{level}"


NOTHING = ("NA", "NaN", "null", "None", " ")
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
        ([*DAYS, DAYS[7]], "1 repeated line was left out"),
        ([*DAYS, DAYS[7], DAYS[8]], "2 repeated lines were left out"),
        ([*DAYS, line(40, level="")], "1 reading without a level was left out"),
        ([*DAYS, *(line(40, level=nothing) for nothing in NOTHING)], f"{len(NOTHING)} readings without a level were left out"),
        ([*DAYS, line(40, zone="+01:00")], "1 time was given in another zone than UTC and was converted"),
        ([*DAYS, line(40, level="1.02")], "1 level lay a little outside 0 to 1 and was cut"),
        (
            [*DAYS, line(40, container=" c-1", fraction="glass ")],
            "2 container ids or fractions had blanks around them, which were left out",
        ),
        (
            [*DAYS, line(40, container="c-2")],
            "1 container has too few readings or days to be scored and was left out: c-2",
        ),
        (
            [*DAYS, *(line(40, container=f"c-{number}") for number in range(2, 7))],
            "5 containers have too few readings or days to be scored and were left out: c-2, c-3, c-4 and 2 more",
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
        ([*DAYS, line(40, zone="")], "holds 40 times with a zone and 1 without one; give all of them one"),
        (
            [line(day, level="45") for day in range(40)],
            "readings.csv:2: fill_ratio '45' is not between 0 and 1; .* divide per cent by 100",
        ),
        ([*DAYS, line(40, level="half")], "readings.csv:42: fill_ratio 'half' is no number"),
        ([*DAYS, "c-1,glass,yesterday,0.4"], "readings.csv:42: 'yesterday' is no time"),
        ([*DAYS, "c-1,glass,9999-12-31T00:00:00Z,0.4"], "readings.csv:42: '9999-.*' lies in the year 9999, when no sensor reads"),
        ([*DAYS, "c-1,glass,0001-01-01T00:00:00+02:00,0.4"], "readings.csv:42: '0001-.*' lies in the year 1, .*; put it right"),
        ([*DAYS, line(40, level="45%")], "readings.csv:42: fill_ratio '45%' is no number; write it like 0.45"),
        ([*DAYS, line(40, level="0_1")], "readings.csv:42: fill_ratio '0_1' is no number"),
        (
            [*DAYS, line(40, level="inf")],
            "readings.csv:42: fill_ratio 'inf' is no level; leave the field empty where nothing was read",
        ),
        ([*DAYS, line(40, level="-nan")], "readings.csv:42: fill_ratio '-nan' is no level"),
        ([*DAYS, "c-1,glass"], "readings.csv:42: the line has 2 fields and the first line names 4: 'c-1,glass'"),
        (
            [*DAYS, line(40, level="0,134")],
            "readings.csv:42: the line has 5 fields and the first line names 4: 'c-1,.*,0,134'; write decimals with a point",
        ),
        ([*DAYS, line(40, level='"0,134"')], "readings.csv:42: fill_ratio '0,134' is no number; .* with a decimal point"),
        ([*DAYS, line(40, container=" ")], "readings.csv:42: container_id is empty"),
        ([*DAYS, line(40, fraction="")], "readings.csv:42: fraction is empty"),
        ([*DAYS, line(40, fraction="paper")], "readings.csv:42: c-1 has fraction 'paper' here and 'glass' before"),
        (
            [line(0, container=f"c-{number}") for number in range(40)],
            "no container has 28 days with 28 readings; the longest has 1 reading\\. ",
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


def test_blanks_around_the_names_of_columns_do_not_matter(file: Callable[..., Path]) -> None:
    (history,) = read_readings(file(*DAYS, header=HEADER.replace(",", ", ")), Notes())
    assert len(history.times) == 40


def test_a_column_named_twice_is_refused_and_one_that_is_not_read_may_be(file: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"readings\.csv:1: the column fill_ratio is named 2 times"):
        read_readings(file(*(f"{day},0.5" for day in DAYS), header=f"{HEADER},fill_ratio"), Notes())
    (history,) = read_readings(file(*(f"{day},0.5,0.6" for day in DAYS), header=f"{HEADER},x,x"), Notes())
    assert set(history.levels.tolist()) == {0.4}


@pytest.mark.parametrize("column", range(5))
@pytest.mark.parametrize("closed", [False, True])
def test_a_quote_that_stays_open_is_refused_where_it_stands(file: Callable[..., Path], column: int, closed: bool) -> None:
    lines = [f"{day},ok".split(",") for day in DAYS]
    lines[7][column] = '"' + lines[7][column]
    if closed:
        lines[9][column] += '"'
    with pytest.raises(UserError, match=r"readings\.csv:9: 'c-1|readings\.csv:9: '\"c-1") as refused:
        read_readings(file(*map(",".join, lines), header=f"{HEADER},remark"), Notes())
    assert "close each quote in the line that opens it" in str(refused.value)
    assert "c-1" not in str(refused.value).split("c-1", 1)[1]
    assert len(str(refused.value)) < 400


def test_a_sentence_shows_no_more_of_a_file_than_helps(file: Callable[..., Path]) -> None:
    for bad in (line(40, level="x" * 20_000), "c-1,glass," + "y" * 20_000 + ",0.4", "z" * 20_000, line(40, fraction="w" * 20_000)):
        with pytest.raises(UserError, match=r"readings\.csv:42") as refused:
            read_readings(file(*DAYS, bad), Notes())
        assert len(str(refused.value)) < 400


def test_quoted_fields_hold_commas_and_empty_lines_are_passed_over(file: Callable[..., Path]) -> None:
    lines = [f'{day},"a remark, with a ""comma"""' for day in DAYS]
    (history,) = read_readings(file(*lines[:5], "", *lines[5:], "  ", header=f"{HEADER},remark"), Notes())
    assert len(history.times) == 40


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_other_ends_of_lines_are_read_and_counted(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "readings.csv"
    path.write_bytes(("\ufeff" + ending.join([HEADER, *DAYS, ""])).encode())
    assert len(read_readings(path, Notes())[0].times) == 40
    path.write_bytes(ending.join([HEADER, *DAYS, "c-1"]).encode())
    with pytest.raises(UserError, match=r"readings\.csv:42"):
        read_readings(path, Notes())


@pytest.mark.parametrize(("sign", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_are_recognised(file: Callable[..., Path], sign: str, name: str) -> None:
    with pytest.raises(UserError, match=f"it is separated by {name}, and must be by commas"):
        read_readings(file(*(day.replace(",", sign) for day in DAYS), header=HEADER.replace(",", sign)), Notes())


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (gzip.compress(b"container_id", mtime=0), "it is compressed; unpack it with gunzip"),
        (b"PK\x03\x04rest", "it is a zip or Excel file"),
        (HEADER.encode("utf-16"), "it is in UTF-16; save it as UTF-8"),
        (
            f"{HEADER}\nGlas K\xf6ln,glass,2026-01-01,0.4\n".encode("latin-1"),
            "'.*Glas K\xf6ln.*' .* in Latin-1 or Windows-1252, save it",
        ),
    ],
    ids=["gzip", "zip", "utf-16", "latin-1"],
)
def test_other_files_than_csv_in_utf_8_are_told_what_to_do(tmp_path: Path, content: bytes, advice: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"not a CSV file in UTF-8: {advice}"):
        read_readings(path, Notes())


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    for path, why in ((tmp_path / "a.csv" / "x.csv", "Not a directory"), (tmp_path / ("r" * 260), "File name too long")):
        with pytest.raises(UserError, match=f"cannot be read .{why}.; give a file that can"):
            read_readings(path, Notes())


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        read_readings(tmp_path / "nothing.csv", Notes())


def test_times_without_any_zone_are_utc(file: Callable[..., Path]) -> None:
    (history,) = read_readings(file(*(line(day, zone="") for day in range(40))), Notes())
    assert history.times[0] == START.timestamp()


READ = [History(name, "glass", START.timestamp() + np.array([0.0, 40 * DAY]), np.array([0.1, 0.2])) for name in ("c-1", "c-2")]


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str) -> Path:
        path = tmp_path / "plan.csv"
        path.write_text("\n".join(["container_id,collected_at", *lines]) + "\n")
        return path

    return write


def test_plans_are_sorted_by_container_and_strangers_are_said(plan: Callable[..., Path]) -> None:
    notes = Notes()
    path = plan("c-1,2026-01-03T08:00:00Z", "c-1,2026-01-02T08:00:00Z", "x,2026-01-02T08:00:00Z")
    first, second = read_plans(path, READ, notes)
    assert first.tolist() == sorted(first.tolist())
    assert len(first) == 2
    assert len(second) == 0
    assert "1 collection is of a container that is not scored and was left out" in notes.lines
    assert "1 container has no planned collection: c-2" in notes.lines
    with pytest.raises(UserError, match="are the container ids the same in both files"):
        read_plans(plan("x,2026-01-02T08:00:00Z"), READ, Notes())


def test_a_plan_without_collections_is_called_empty(plan: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"plan\.csv is empty: it holds no planned collections"):
        read_plans(plan(), READ, Notes())


def test_blanks_around_the_ids_of_a_plan_do_not_part_it_from_the_readings(plan: Callable[..., Path]) -> None:
    notes = Notes()
    first, _ = read_plans(plan("c-1 ,2026-01-03T08:00:00Z"), READ, notes)
    assert len(first) == 1
    assert "1 container id or fraction had blanks around it, which were left out" in notes.lines


@pytest.mark.parametrize(("year", "outside"), [(1999, True), (2026, False), (2050, True)])
def test_a_plan_of_another_time_than_the_readings_is_said(plan: Callable[..., Path], year: int, outside: bool) -> None:
    notes = Notes()
    read_plans(plan(f"c-1,{year}-01-03T08:00:00Z", f"c-2,{year}-01-04T08:00:00Z"), READ, notes)
    note = "no planned collection lies between the first reading (2026-01-01) and the last (2026-02-10), "
    assert [line.startswith(note) for line in notes.lines] == [True] * outside


@pytest.mark.parametrize(("of_readings", "of_plan"), [("Z", ""), ("", "Z")])
def test_a_zone_in_one_file_alone_is_said(
    file: Callable[..., Path], plan: Callable[..., Path], of_readings: str, of_plan: str
) -> None:
    notes = Notes()
    readings = file(*(line(day, zone=of_readings) for day in range(40)))
    histories = read_readings(readings, notes)
    assert notes.lines == []
    path = plan(f"c-1,2026-01-03T08:00:00{of_plan}")
    read_plans(path, histories, notes)
    with_zone, without = (readings, path) if of_readings else (path, readings)
    assert notes.lines == [f"the times in {with_zone} have a zone, those in {without} have none and were taken for UTC"]


def test_a_plan_of_days_alone_is_taken_for_their_noon_and_that_is_said(plan: Callable[..., Path]) -> None:
    notes = Notes()
    first, second = read_plans(plan("c-1,2026-01-05", "c-1,2026-01-07", "c-2, 2026-01-05"), READ, notes)
    assert (first - START.timestamp()).tolist() == [4.5 * DAY, 6.5 * DAY]
    assert (second - START.timestamp()).tolist() == [4.5 * DAY]
    assert notes.lines == ["3 collections are given by their day alone and were taken for noon (UTC)"]


def test_outputs_that_cannot_be_written_are_refused_and_trying_leaves_no_trace(tmp_path: Path) -> None:
    readings, kept, link = tmp_path / "readings.csv", tmp_path / "kept.csv", tmp_path / "link.csv"
    readings.write_text("precious")
    kept.write_text("old")
    link.symlink_to(readings)
    for path, sentence in (
        (tmp_path, "--output: .* is a folder"),
        (tmp_path / "no" / "f.csv", "--output: there is no folder .*no for f.csv; make it first"),
        (Path("/proc/f.csv"), "--output: /proc/f.csv cannot be written"),
        (tmp_path / ("f" * 260), "--output: .* cannot be written .File name too long.; give another place or name"),
        (readings, "--output: .*readings.csv is read, too"),
        (link, "--output: .*link.csv is read, too"),
    ):
        with pytest.raises(UserError, match=sentence):
            refuse_unwritable([("--output", path)], [readings, tmp_path / "nothing.csv"])
    refuse_unwritable([("--output", kept), ("--charts", tmp_path / "new.png"), ("--charts", Path("/dev/null"))], [readings])
    assert (readings.read_text(), kept.read_text()) == ("precious", "old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.csv", "link.csv", "readings.csv"]
