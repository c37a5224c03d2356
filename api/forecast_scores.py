"""`/v1/forecast-scores`: how forecasts turned out, beside what a planner would use instead."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.dependencies import BackendOf
from models.domain.forecast_score import ForecastScore
from storage.forecast_scores import forecast_scores

router = APIRouter(tags=["forecasts"])


class ScoreKey(StrEnum):
    """What scores can be told apart by."""

    FRACTION = "fraction"
    HORIZON = "horizon"
    DISTRICT = "district"
    MODEL = "model"


_KEPT = {
    ScoreKey.FRACTION: ("fraction",),
    ScoreKey.HORIZON: ("horizon_hours",),
    ScoreKey.DISTRICT: ("district",),
    ScoreKey.MODEL: ("forecaster", "forecaster_version"),
}


class ScoreList(BaseModel):
    """Means over forecasts whose target day lies in `first_day` … `last_day`, as fractions of the capacity; "*" and horizon 0 mean all.
    `coverage` is of the 80 % interval, ties counted half."""

    first_day: date
    last_day: date
    scores: list[ForecastScore]


@router.get("/forecast-scores")
async def list_forecast_scores(
    backend: BackendOf,
    days: Annotated[int, Query(ge=1, le=730, description="Targets of the last so many days")] = 28,
    by: Annotated[list[ScoreKey] | None, Query(description="Told apart by these; default fraction and horizon")] = None,
) -> ScoreList:
    """Error, pinball loss beside the baselines, coverage and width of forecasts that have come true or not."""
    today = backend.now().astimezone(UTC).date()
    apart = [name for key in (by or [ScoreKey.FRACTION, ScoreKey.HORIZON]) for name in _KEPT[key]]
    first = today - timedelta(days=days)
    async with backend.connection() as connection:
        found = await forecast_scores(connection, since=first, until=today + timedelta(days=1), apart=apart)
    return ScoreList(first_day=first, last_day=today, scores=found)
