"""Outcomes are kept once; scores are their means, made anew as often as wanted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import asyncpg
import numpy as np
import pytest

from models.domain.forecast_score import ForecastOutcome
from storage.forecast_scores import (
    baseline_errors,
    forecast_scores,
    refresh_scores,
    save_outcomes,
    scored_horizons,
)

pytestmark = pytest.mark.servers

CUTOFF = datetime(2026, 3, 1, 3, tzinfo=UTC)
DAY = date(2026, 3, 2)


def _outcome(
    container: str = "c-1", *, hours: int = 24, fraction: str = "glass", error: float = 0.1, inside: float = 1.0
) -> ForecastOutcome:
    return ForecastOutcome(
        container_id=container, cutoff=CUTOFF, horizon_hours=hours, target_at=CUTOFF + timedelta(hours=hours),
        forecaster="weighed_inflow", forecaster_version="3-abc", model_grade="full", fraction=fraction, level_observed=0.5,
        absolute_error=error, pinball=error / 3, inside=inside, width=0.2, usual_rate_level=0.5 - error, usual_rate_pinball=error / 2,
        weekday_level=0.5 - 2 * error, weekday_pinball=error,
    )  # fmt: skip


async def test_scores_are_means_by_day_fraction_horizon_and_district(storage: asyncpg.Connection) -> None:
    await storage.execute(
        "INSERT INTO thing (thing_id, thing_type, name, latitude, longitude, district, simulated, properties) "
        "VALUES ('c-2', 'container', 'two', 52, 5, 'Haven', true, '{}')"
    )
    outcomes = [_outcome(), _outcome("c-2", error=0.3, inside=0.5), _outcome("c-3", fraction="paper"), _outcome(hours=6)]
    for _ in range(2):
        await save_outcomes(storage, outcomes)
        await refresh_scores(storage, {DAY, DAY - timedelta(days=1)})
    assert await storage.fetchval("SELECT sum(cases) FROM forecast_score") == 4
    found = await forecast_scores(storage, since=DAY, until=DAY + timedelta(days=1), apart=["fraction", "district"])
    assert [(item.fraction, item.district, item.cases) for item in found] == [
        ("glass", "", 1),
        ("glass", "Haven", 1),
        ("paper", "", 1),
    ]
    (glass, _) = await forecast_scores(storage, since=DAY, until=DAY + timedelta(days=1), apart=["fraction"])
    assert (glass.cases, glass.horizon_hours, glass.forecaster, glass.district) == (2, 0, "*", "*")
    assert glass.coverage == pytest.approx(0.75)
    assert glass.absolute_error == pytest.approx(0.2)
    assert glass.usual_rate_pinball == pytest.approx(0.1)
    assert glass.weekday_pinball == pytest.approx(0.2)
    (every,) = await forecast_scores(storage, since=date(2026, 1, 1), until=DAY + timedelta(days=1), apart=[])
    assert (every.cases, every.first_day, every.last_day) == (4, DAY - timedelta(days=1), DAY)
    assert await forecast_scores(storage, since=DAY + timedelta(days=1), until=DAY + timedelta(days=9), apart=[]) == []
    with pytest.raises(ValueError, match="scores are not kept by container_id"):
        await forecast_scores(storage, since=DAY, until=DAY, apart=["container_id"])


async def test_a_truth_that_came_late_joins_its_day(storage: asyncpg.Connection) -> None:
    await save_outcomes(storage, [_outcome()])
    await refresh_scores(storage, [DAY])
    await save_outcomes(storage, [_outcome("c-2", error=0.2)])
    await refresh_scores(storage, [DAY])
    (every,) = await forecast_scores(storage, since=DAY, until=DAY + timedelta(days=1), apart=[])
    assert every.cases == 2
    assert every.absolute_error == pytest.approx(0.15)
    assert await scored_horizons(storage, ["c-1", "c-9"], CUTOFF) == {("c-1", CUTOFF): {24}}


async def test_baselines_get_the_spread_of_their_errors_only_from_enough_cases(storage: asyncpg.Connection) -> None:
    await save_outcomes(storage, [_outcome(f"c-{number}", error=number / 100) for number in range(41)])
    await save_outcomes(storage, [_outcome(f"p-{number}", fraction="paper") for number in range(5)])
    found = await baseline_errors(storage, CUTOFF + timedelta(days=2), (0.1, 0.5, 0.9))
    assert set(found) == {("glass", 24)}
    usual, weekday = found["glass", 24]
    np.testing.assert_allclose(usual, [0.04, 0.2, 0.36])
    np.testing.assert_allclose(weekday, [0.08, 0.4, 0.72])
    assert await baseline_errors(storage, CUTOFF + timedelta(hours=24), (0.5,)) == {}, "nothing of later targets is seen"
