"""What forecasts learn from: readings without disrupted days, and the crews' own words on what they emptied."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from models.domain.plan_day import CrewReport, CrewWord, DayState, StateChange
from models.fill_forecast.history import DAY, History
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.outcome import outcomes_of
from models.sensor_kinds.container_fill import CONTAINER_FILL
from storage.crew_reports import append_reports
from storage.fill_histories import fill_histories
from storage.plan_days import mark_disrupted
from storage.readings import append_readings
from tests.contract.sample_readings import stored
from tests.contract.test_storage_decisions import _forecast

pytestmark = pytest.mark.servers

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 12


def level(hour: int) -> float:
    """Two points a day on 30 %; on the sixth day, at 10:00, a truck takes a little off: less than a signal shows for sure."""
    return 0.3 + 0.02 * hour / 24 - (0.06 if hour >= 5 * 24 + 10 else 0.0)


async def read_hourly(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "INSERT INTO thing (thing_id, thing_type, name, latitude, longitude, district, fraction, capacity_l, simulated, properties) "
        "VALUES ('c-1', 'container', 'c-1', 52, 5, 'Haven', 'glass', 4000, true, '{}')"
    )
    readings = [stored(60 * hour, thing_id="c-1", start=START, fill_ratio=level(hour)) for hour in range(DAYS * 24)]
    await append_readings(connection, CONTAINER_FILL, readings)


async def history(connection: asyncpg.Connection, until_day: int = DAYS) -> History:
    (found,) = await fill_histories(connection, ["c-1"], START, START + timedelta(days=until_day))
    return found


async def test_a_disrupted_day_is_not_learnt_from_once_the_day_after_is_over(storage: asyncpg.Connection) -> None:
    await read_hourly(storage)
    snow = date(2026, 3, 5)
    await mark_disrupted(storage, StateChange(plan_date=snow, state=DayState.DRAFT, role="planner", at=START, note="snow"))
    begin = datetime(2026, 3, 4, 23, tzinfo=UTC).timestamp()  # midnight in Amsterdam
    after = await history(storage)
    assert not ((after.times >= begin) & (after.times < begin + DAY)).any()
    assert len(after.times) == DAYS * 24 - 24
    during = await history(storage, until_day=4)
    assert ((during.times >= begin) & (during.times < begin + DAY)).sum() == 24, (
        "its levels still decide what is collected tomorrow"
    )


async def test_a_crews_word_is_an_emptying_where_the_signal_shows_none(storage: asyncpg.Connection) -> None:
    await read_hourly(storage)
    assert len(inflow_curve(await history(storage)).emptyings) == 0
    said_at = START + timedelta(days=5, hours=9, minutes=30)
    done = CrewReport(report_id=uuid4(), word=CrewWord.DONE, container_id="c-1", said_at=said_at)
    skipped = CrewReport(
        report_id=uuid4(), word=CrewWord.SKIPPED, container_id="c-1", said_at=START + timedelta(days=8), reason="empty"
    )
    await append_reports(storage, said_at.date(), "t-1", [done, skipped], said_at)
    found = await history(storage)
    assert found.collections.tolist() == [said_at.timestamp()], "skipped is no emptying"
    curve = inflow_curve(found)
    assert curve.times[curve.emptyings.first_after].tolist() == [(START + timedelta(days=5, hours=10)).timestamp()]
    risen = curve.cumulative[-1] - curve.cumulative[0]
    assert risen > 0.02 * (DAYS - 1), "what was taken away is no negative inflow"


async def test_a_crews_word_counts_when_a_forecast_is_scored_and_calibrated(storage: asyncpg.Connection) -> None:
    await read_hourly(storage)
    forecast = _forecast().model_copy(
        update={
            "container_id": "c-1",
            "cutoff": START + timedelta(days=5),
            "level_at_cutoff": 0.4,
            "level_observed_at": START + timedelta(days=5),
        }
    )
    until = START + timedelta(days=DAYS)
    without = outcomes_of(forecast, await history(storage), known_until=until)
    said_at = START + timedelta(days=5, hours=9, minutes=30)
    done = CrewReport(report_id=uuid4(), word=CrewWord.DONE, container_id="c-1", said_at=said_at)
    await append_reports(storage, said_at.date(), "t-1", [done], said_at)
    with_word = outcomes_of(forecast, await history(storage), known_until=until)
    assert [item.horizon_hours for item in without] == [item.horizon_hours for item in with_word]
    assert with_word[0].usual_rate_level < without[0].usual_rate_level - 0.2, (
        "the forecast is held against a container that was emptied"
    )
