"""Samples of a wired sensor become windows: every sample in one, and the statistics right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models.domain.failures import UserError
from models.sensor_kinds.bridge_state import BRIDGE_STATE, BridgeState
from simulators.replay import Recording, ReplaySettings
from simulators.windows import STATISTICS, Windows

BEGIN = datetime(2022, 3, 7, 15, 35, 15, tzinfo=UTC)


def test_statistics_have_quantities_of_the_kind() -> None:
    names = set(BridgeState.quantities())
    assert {name for mean, others in STATISTICS.items() for name in (mean, *others)} <= names


def test_a_window_is_given_out_when_the_next_begins_and_the_rest_at_the_end() -> None:
    windows = Windows(1, ["strain_um_m"])
    assert windows.add("b", BEGIN + timedelta(milliseconds=600), {"strain_um_m": 1.0}) is None
    assert windows.add("b", BEGIN + timedelta(milliseconds=999), {"strain_um_m": 3.0}) is None
    closed = windows.add("b", BEGIN + timedelta(milliseconds=1000), {"strain_um_m": 9.0})
    assert closed is not None
    assert closed.begins_at == BEGIN
    assert closed.values == {
        "window_s": 1, "sample_count": 2, "strain_um_m": 2.0, "strain_min_um_m": 1.0, "strain_max_um_m": 3.0, "strain_std_um_m": 1.0,
    }  # fmt: skip
    (last,) = windows.rest()
    assert (last.begins_at, last.values["sample_count"], windows.samples) == (BEGIN + timedelta(seconds=1), 1, 3)


def test_a_time_that_goes_back_before_its_window_is_refused() -> None:
    windows = Windows(1, ["strain_um_m"])
    windows.add("b", BEGIN + timedelta(seconds=1), {"strain_um_m": 1.0})
    with pytest.raises(ValueError, match="goes back"):
        windows.add("b", BEGIN, {"strain_um_m": 1.0})


def test_quantities_without_statistics_make_no_windows() -> None:
    with pytest.raises(UserError, match="not of road_closed"):
        Windows(1, ["road_closed"])


def test_a_file_of_samples_is_replayed_as_windows(tmp_path: Path) -> None:
    file = tmp_path / "strain.csv"
    times = ["15.600", "15.611", "16.001", "bad", "14.000", "17.5"]
    file.write_text("Time (-),DMS (um\\m)\n" + "".join(f"2022-03-07 16:35:{time},{place}\n" for place, time in enumerate(times)))
    recording = Recording(
        ReplaySettings(
            file, BRIDGE_STATE, (r"strain_um_m=DMS (um\m)",), "strain", time_column="Time (-)", time_format="%Y-%m-%d %H:%M:%S.%f",
            thing="bridge", latitude="48.1", longitude="11.6", window_s=1, zone=ZoneInfo("Europe/Berlin"),
        )
    )  # fmt: skip
    scan = recording.scan(datetime(2026, 1, 1, tzinfo=UTC))
    assert (scan.sent, scan.readings_expected, scan.samples, len(scan.bad_lines)) == (3, 3, 4, 2)
    assert (scan.first, scan.last) == (BEGIN, BEGIN + timedelta(seconds=2))
    payloads = [payload for _, payload in recording.messages()]
    assert b'"observed_at":"2022-03-07T15:35:15Z"' in payloads[0]
    assert b'"sample_count":2' in payloads[0]
    assert b'"strain_max_um_m":1.0' in payloads[0]
