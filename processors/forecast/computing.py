"""What a member computes for a handful of containers, without a database: their forecasts and the emptyings that these rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.domain.forecast import Emptying, InflowForecast
from models.fill_forecast.emptyings import as_domain
from models.fill_forecast.forecaster import FittedForecaster
from models.fill_forecast.history import History
from models.fill_forecast.inflow import inflow_curve
from processors.forecast.serving import ServingModel
from runtime import logs, metrics


@dataclass(frozen=True, slots=True)
class Computed:
    """One container's forecast with the emptyings that it rests on, found since `history_since`."""

    forecast: InflowForecast
    emptyings: list[Emptying]


def compute(
    serving: ServingModel, own_past: FittedForecaster | None, histories: Sequence[History], cutoff: datetime, known_at: datetime
) -> list[Computed]:
    """All of them together or, where that fails, each by itself: readings that nobody thought of hold up their own container and no other.

    It is told and counted, keeps its forecast of before, and is tried again by the next sweep. What fails for all of several is no container's
    fault and is raised.
    """
    try:
        return _together(serving, own_past, histories, cutoff, known_at)
    except Exception:
        computed: list[Computed] = []
        failed: list[tuple[str, Exception]] = []
        for history in histories:
            try:
                computed += _together(serving, own_past, [history], cutoff, known_at)
            except Exception as error:
                failed.append((history.container_id, error))
        if len(failed) == len(histories) > 1:
            raise
    for container_id, failure in failed:
        metrics.FORECASTS_FAILED.inc()
        logs.get_logger().error("forecast_failed", container=container_id, reason=repr(failure), exc_info=failure)
    return computed


def _together(
    serving: ServingModel, own_past: FittedForecaster | None, histories: Sequence[History], cutoff: datetime, known_at: datetime
) -> list[Computed]:
    computed = []
    made = serving.forecast(own_past, histories, cutoff=cutoff, known_at=known_at)
    for history, forecast in zip(histories, made, strict=True):
        if forecast is not None:
            curve = inflow_curve(history)
            computed.append(Computed(forecast, as_domain(history.container_id, curve.times, curve.emptyings)))
    return computed
