"""Recorded files of others become messages: every row is sent or counted with a reason, and the same file gives the same again."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models.domain.failures import UserError
from models.sensor_kinds import SensorKind, kind_by_name
from simulators.column_mapping import parse_condition, parse_quantity
from simulators.local_times import LocalTimes, zone_by_name
from simulators.replay import BadLine, Recording, ReplaySettings, send_recording
from simulators.replay_registry import write_replay_registry
from tests.unit.simulators.small_city import MemorySink

NOW = datetime(2026, 11, 22, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def kind(name: str) -> SensorKind:
    found = kind_by_name(name)
    assert found is not None
    return found


def recording(folder: Path, text: str, **settings: object) -> Recording:
    file = folder / "levels.csv"
    file.write_text(text, encoding="utf-8")
    given: dict[str, object] = {
        "file": file, "kind": kind("container_fill"), "maps": ("reported_fill_ratio=level/10",), "datastream": "fill",
        "time_column": "time", "thing_column": "bin", "zone": AMSTERDAM, "latitude": "52.4", "longitude": "5.2",
    }  # fmt: skip
    return Recording(ReplaySettings(**(given | settings)))  # type: ignore[arg-type]  # the test's own keywords


def messages(found: Recording) -> list[tuple[str, dict[str, object]]]:
    return [(topic, json.loads(payload)) for topic, payload in found.messages()]


def test_a_row_becomes_own_json_of_its_sensor_with_its_moment_in_utc(tmp_path: Path) -> None:
    found = recording(tmp_path, "bin,time,level\nb1,2026-07-01 12:00,4\n", prefix="w-")
    assert messages(found) == [
        (
            "stadspuls/v1/w-b1-fill/readings",
            {"v": 1, "kind": "container_fill", "observed_at": "2026-07-01T10:00:00Z", "seq": 2, "reported_fill_ratio": 0.4},
        )
    ]


def test_rows_are_counted_by_what_must_become_of_them(tmp_path: Path) -> None:
    rows = [
        "b1,2026-07-01 12:00,4,OK",
        "b1,2026-07-01 12:00,4,OK",  # the same again
        "b1,2026-07-01 12:00,6,OK",  # the same identity, another content
        "b1,2026-07-02 12:00,40,OK",  # out of range
        "b1,2026-12-24 12:00,4,OK",  # in the future
        "b1,2026-07-03 12:00,4,ALERT",  # left out
        "b1,2026-07-04 12:00,,OK",
        "b1,2026-07-05 12:00,much,OK",
        "b1,noon,4,OK",
        "b 1,2026-07-05 12:00,4,OK",
        "b2,2026-07-05 12:00,4",
        "b2,2026-07-06 12:00,4,OK",
    ]
    found = recording(tmp_path, "bin,time,level,why\n" + "\n".join(rows) + "\n", conditions=("why!=ALERT",))
    scan = found.scan(NOW)
    assert scan.rows == len(rows) == scan.sent + scan.left_out + len(scan.bad_lines)
    assert (scan.sent, scan.readings_expected, scan.duplicates_sent, scan.left_out) == (6, 2, 1, 1)
    assert scan.expected_dead_letters == {"identity": 1, "range": 1, "clock": 1}
    assert scan.bad_lines == [
        BadLine(8, "no quantity has a value"),
        BadLine(9, "level is 'much', not a number"),
        BadLine(10, "Invalid isoformat string: 'noon'"),
        BadLine(11, "'b 1' is no identifier: letters, digits, and . _ : - after the first"),
        BadLine(12, "the row has not as many cells as the header"),
    ]
    assert len(messages(found)) == scan.sent


async def test_a_second_replay_sends_the_same_bytes(tmp_path: Path) -> None:
    found = recording(tmp_path, "bin,time,level\nb1,2026-10-25 02:30,4\nb1,2026-10-25 02:30,6\n")
    first, second = MemorySink(), MemorySink()
    told: list[int] = []
    assert await send_recording(found, first, told.append) == 2
    await send_recording(found, second, told.append)
    assert first.messages == second.messages
    assert first.drained == 2
    assert told == [2, 2]


def test_a_file_without_zone_needs_one(tmp_path: Path) -> None:
    found = recording(tmp_path, "bin,time,level\nb1,2026-07-01 12:00,4\n", zone=None)
    with pytest.raises(UserError, match=r"levels\.csv:2: '2026-07-01 12:00' has no time zone: .*--timezone Europe/Amsterdam"):
        found.scan(NOW)
    zoned = recording(tmp_path, "bin,time,level\nb1,2026-07-01T12:00+02:00,4\n", zone=None)
    assert messages(zoned)[0][1]["observed_at"] == "2026-07-01T10:00:00Z"


def test_in_the_hour_that_occurs_twice_times_are_the_earlier_ones_until_they_go_back() -> None:
    times = LocalTimes(AMSTERDAM)
    read = [times.read(f"2026-10-25 {clock}", "a") for clock in ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")]
    assert [f"{moment:%H:%M}" for moment in read] == ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]
    assert times.doubtful == 4
    assert times.read("2026-10-25 02:15", "another thing").hour == 0


def test_a_time_that_clocks_skipped_does_not_exist() -> None:
    with pytest.raises(ValueError, match="does not exist in Europe/Amsterdam"):
        LocalTimes(AMSTERDAM).read("2026-03-29 02:30", "a")


def test_a_format_of_its_own_and_an_unknown_zone() -> None:
    assert LocalTimes(AMSTERDAM, "%d-%m-%Y %H:%M").read("01-07-2026 12:00", "a") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    with pytest.raises(UserError, match="no time zone 'Almere'"):
        zone_by_name("Almere")


@pytest.mark.parametrize(
    ("text", "cell", "value"),
    [
        ("speed_km_h=v*1.609344", "60", 96.56064),
        ("occupancy_ratio=v/100", "12.5", 0.125),
        ("speed_km_h=v*2+1", "3", 7.0),
        ("window_s=300", "x", 300),
        ("vehicle_count=v", "7", 7),
        ("speed_km_h=v", "", None),
    ],
)
def test_a_column_is_scaled_to_its_quantity(text: str, cell: str, value: float | None) -> None:
    found = parse_quantity(text, kind("traffic_flow"), ["time", "v"]).value({"v": cell})
    assert found == value
    assert type(found) is type(value)


def test_columns_with_signs_in_their_names_are_found() -> None:
    columns = ["Time (-)", "INC-01 [deg]", "INC-01 Filtered [deg]"]
    quantity = parse_quantity("inclination_deg=INC-01 Filtered [deg]", kind("bridge_state"), columns)
    assert quantity.column == "INC-01 Filtered [deg]"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("speed=v", "traffic_flow has no quantity 'speed' that a sensor measures; it has window_s"),
        ("speed_km_h=w*2", r"the file has no column 'w\*2'; it has time, v"),
        ("speed_km_h=v/0", "divides by 0"),
        ("speed_km_h", "--map is QUANTITY=COLUMN"),
    ],
)
def test_a_mapping_that_cannot_be_gets_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        parse_quantity(text, kind("traffic_flow"), ["time", "v"])


def test_conditions_compare_numbers_as_numbers_and_texts_as_texts() -> None:
    row = {"n": "9", "t": "OK"}
    holds = {text: parse_condition(text, ["n", "t"]).holds(row) for text in ("n<10", "n>=9", "n=9.0", "n!=9", "t=OK", "t!=ALERT")}
    assert holds == {"n<10": True, "n>=9": True, "n=9.0": True, "n!=9": False, "t=OK": True, "t!=ALERT": True}
    with pytest.raises(UserError, match="it has n, t"):
        parse_condition("m=1", ["n", "t"])


def test_registry_files_open_the_sensors_clock_to_the_first_reading(tmp_path: Path) -> None:
    found = recording(
        tmp_path,
        "bin,time,level,x,y\nb1,2020-07-02 12:00,4,5.1,52.3\nb2,2020-07-01 12:00,4,5.2,52.4\n",
        latitude="y", longitude="x", thing_fields={"fraction": "glass", "capacity_l": 3000},
    )  # fmt: skip
    things, sensors = write_replay_registry(found, found.scan(NOW), tmp_path / "registry")
    features = json.loads(things.read_text(encoding="utf-8"))["features"]
    assert [feature["geometry"]["coordinates"] for feature in features] == [[5.1, 52.3], [5.2, 52.4]]
    assert features[0]["properties"]["type"] == "container"
    with sensors.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sensor_id"] for row in rows] == ["b1-fill", "b2-fill"]
    assert {row["accepts_history_from"] for row in rows} == {"2020-07-01T10:00:00Z"}


def test_a_place_that_is_not_known_gets_a_sentence(tmp_path: Path) -> None:
    found = recording(tmp_path, "bin,time,level\nb1,2020-07-02 12:00,4\n", latitude="latitude")
    with pytest.raises(UserError, match="where b1 stands is not known: give --latitude"):
        found.scan(NOW)


def test_a_thing_must_be_named_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--thing-column if a column says"):
        recording(tmp_path, "bin,time,level\n", thing="b1")
    with pytest.raises(UserError, match=r"--thing-column: .* has no column 'box'"):
        recording(tmp_path, "bin,time,level\n", thing_column="box")


# Files of others, outside the project's repository.


@pytest.mark.lengthy
def test_every_row_of_wyndham_is_a_reading_of_its_own(shared_data: Path) -> None:
    """29,357 rows of 31 bins: no repeated row, no conflict, none out of range, no line that cannot be read; the 1,221 ALERT rows are
    sent as they are, 418 of them with level 0."""
    file = shared_data / "wyndham/fill_levels.csv"
    found = Recording(
        ReplaySettings(
            file=file, kind=kind("container_fill"), maps=("reported_fill_ratio=latestFullness/10",), datastream="fill",
            thing_column="serialNumber", prefix="wyndham-", name_column="description", zone=ZoneInfo("Australia/Melbourne"),
            thing_fields={"fraction": "residual", "capacity_l": 600},
        )
    )  # fmt: skip
    scan = found.scan(NOW)
    assert (scan.rows, scan.sent, scan.readings_expected) == (29_357, 29_357, 29_357)
    assert (scan.duplicates_sent, scan.left_out, scan.bad_lines, scan.expected_dead_letters) == (0, 0, [], Counter())
    assert len(scan.things) == 31
    assert scan.doubtful_times == 0
    assert (scan.first, scan.last) == (datetime(2018, 6, 25, 14, tzinfo=UTC), datetime(2021, 5, 2, 14, tzinfo=UTC))
    without_alerts = Recording(
        ReplaySettings(
            file=file, kind=kind("container_fill"), maps=("reported_fill_ratio=latestFullness/10",), datastream="fill",
            thing_column="serialNumber", zone=ZoneInfo("Australia/Melbourne"), conditions=("reason!=ALERT",),
        )
    ).scan(NOW)  # fmt: skip
    assert (without_alerts.sent, without_alerts.left_out) == (28_136, 1_221)


@pytest.mark.parametrize(
    ("file", "mapping", "rows", "conflicts"),
    [
        ("speed_t4013.csv", "speed_km_h=value*1.609344", 2_495, 1),
        ("occupancy_t4013.csv", "occupancy_ratio=value/100", 2_500, 1),
        ("speed_6005.csv", "speed_km_h=value*1.609344", 2_500, 0),
        ("occupancy_6005.csv", "occupancy_ratio=value/100", 2_380, 0),
    ],
)
def test_minnesotas_detectors_are_datastreams_with_one_conflict_each_at_most(
    shared_data: Path, file: str, mapping: str, rows: int, conflicts: int
) -> None:
    """2015-09-10 05:33 stands twice in both files of detector t4013, with other values: the second is a dead letter `identity`."""
    found = Recording(
        ReplaySettings(
            file=shared_data / f"traffic-minnesota/{file}", kind=kind("traffic_flow"), maps=(mapping,), thing="detector",
            datastream=file.split("_")[0], zone=ZoneInfo("America/Chicago"), latitude="44.95", longitude="-93.2",
        )
    )  # fmt: skip
    scan = found.scan(NOW)
    assert (scan.rows, scan.sent, scan.readings_expected) == (rows, rows, rows - conflicts)
    assert scan.expected_dead_letters == ({"identity": conflicts} if conflicts else {})
    assert scan.bad_lines == []
