"""The state that the map colours by follows from the newest reading and the city's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.state import ThingState, thing_state
from models.sensor_kinds.bridge_state import BRIDGE_STATE
from models.sensor_kinds.container_fill import CONTAINER_FILL

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fill_ratio", "state"),
    [(0.0, ThingState.OK), (0.59, ThingState.OK), (0.6, ThingState.HALF), (0.8, ThingState.NEARLY_FULL), (0.95, ThingState.FULL)],
)
def test_a_container_is_coloured_by_its_level(fill_ratio: float, state: ThingState) -> None:
    assert thing_state(CONTAINER_FILL, {"observed_at": NOW, "fill_ratio": fill_ratio}, NOW) is state


def test_a_thing_is_silent_after_three_missed_reports() -> None:
    just_in_time = {"observed_at": NOW - timedelta(hours=3), "fill_ratio": 0.99}
    too_old = {"observed_at": NOW - timedelta(hours=3, seconds=1), "fill_ratio": 0.99}
    assert thing_state(CONTAINER_FILL, just_in_time, NOW) is ThingState.FULL
    assert thing_state(CONTAINER_FILL, too_old, NOW) is ThingState.SILENT


def test_a_bridge_is_closed_for_the_road_not_open() -> None:
    assert thing_state(BRIDGE_STATE, {"observed_at": NOW, "road_closed": True}, NOW) is ThingState.CLOSED
    assert thing_state(BRIDGE_STATE, {"observed_at": NOW, "road_closed": False}, NOW) is ThingState.OK


def test_no_reading_and_no_main_value_are_no_data() -> None:
    assert thing_state(CONTAINER_FILL, None, NOW) is ThingState.NO_DATA
    assert thing_state(CONTAINER_FILL, {"observed_at": NOW, "fill_ratio": None}, NOW) is ThingState.NO_DATA
