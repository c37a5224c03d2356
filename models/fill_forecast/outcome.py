"""How a stored forecast turned out, once its truth was read. Pure; the forecast service asks it, storage keeps what it says.

The forecast is of the inflow; the collections that really happened are laid over it, and so they are over the two baselines that a planner
would use instead: the container's usual rate and its usual weekdays, both as they were known at the cutoff.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import numpy as np

from models.domain.forecast import ForecastEvidence, InflowForecast
from models.domain.forecast_score import ForecastOutcome
from models.fill_forecast.evidence import weekday_inflow
from models.fill_forecast.history import DAY, FloatArray, History, moment
from models.fill_forecast.inflow import InflowCurve, inflow_curve
from models.fill_forecast.overlay import level_quantiles
from models.fill_forecast.recalibration import is_calibrated
from models.fill_forecast.resolving import before_calibration, resolved_of
from models.fill_forecast.rows import observed_levels
from models.fill_forecast.scores import mean_pinball
from models.fill_forecast.tilted import in_position

SCORED_HORIZON_HOURS: tuple[int, ...] = (6, 24, 48, 72, 96, 120, 144, 168, 336)
LOW, HIGH = 0.1, 0.9


def outcomes_of(
    forecast: InflowForecast, history: History, *, known_until: datetime, done: Collection[int] = ()
) -> list[ForecastOutcome]:
    """Outcomes at the scored horizons that ended by `known_until`, except those in `done` and those at which nothing was read. `history`
    must reach from before the cutoff to `known_until`."""
    history = in_position(history)
    evidence = forecast.evidence
    if evidence is None or not len(history.times):
        return []
    chosen = [
        hours
        for hours in SCORED_HORIZON_HOURS
        if hours in forecast.horizon_hours and hours not in done and forecast.cutoff + timedelta(hours=hours) <= known_until
    ]
    targets = [forecast.cutoff + timedelta(hours=hours) for hours in chosen]
    truth = observed_levels(history, np.array([target.timestamp() for target in targets])) if targets else np.empty(0)
    curve = inflow_curve(history)
    collected = _collections(curve, forecast.cutoff)
    raw = before_calibration(forecast)
    made = []
    for hours, target, level in zip(chosen, targets, truth.tolist(), strict=True):
        if np.isnan(level):
            continue
        # Only those up to the target: what was collected later could not be seen there yet.
        before = [at for at in collected if at <= target]
        quantiles = level_quantiles(forecast, before, [target]).levels[:, 0]
        outcome = _outcome(forecast, evidence, history.fraction, hours, target, float(level), quantiles, before)
        settled = resolved_of(raw, history.fraction, curve, known_until=known_until.timestamp(), horizon_hours=(hours,))
        if len(settled) and is_calibrated(forecast):  # else it would set the spread of others
            length, below, above = (float(values[0]) for values in (settled.length_hours, settled.below, settled.above))
            outcome = outcome.model_copy(update={"length_hours": length, "below": below, "above": above})
        made.append(outcome)
    return made


def baseline_pinball(observed: float, point: float, errors: FloatArray, quantiles: Sequence[float]) -> float:
    """Mean pinball of a point forecast that was given the quantiles `errors` of its own past errors; of the bare point where it has none."""
    spread = point + errors if len(errors) else np.full(len(quantiles), point)
    return mean_pinball(np.array([observed]), np.clip(spread, 0.0, 1.0)[None, :], tuple(quantiles))


def _outcome(
    forecast: InflowForecast,
    evidence: ForecastEvidence,
    fraction: str,
    hours: int,
    target: datetime,
    level: float,
    quantiles: FloatArray,
    collected: Sequence[datetime],
) -> ForecastOutcome:
    low, middle, high = (float(np.interp(at, forecast.quantiles, quantiles)) for at in (LOW, 0.5, HIGH))
    begin, base = forecast.cutoff, forecast.level_at_cutoff
    if collected:
        begin, base = collected[-1], forecast.level_after_emptying
    seconds = (target - begin).total_seconds()
    return ForecastOutcome(
        container_id=forecast.container_id,
        cutoff=forecast.cutoff,
        horizon_hours=hours,
        target_at=target,
        forecaster=forecast.forecaster,
        forecaster_version=forecast.forecaster_version,
        model_grade=forecast.model_grade,
        fraction=fraction,
        level_observed=level,
        absolute_error=abs(level - middle),
        pinball=mean_pinball(np.array([level]), quantiles[None, :], forecast.quantiles),
        inside=0.5 * (float(low <= level <= high) + float(low < level < high)),
        width=high - low,
        usual_rate_level=float(np.clip(base + evidence.rate_usual_per_day * seconds / DAY, 0.0, 1.0)),
        weekday_level=float(
            np.clip(base + weekday_inflow(evidence.weekday_rates, begin.timestamp(), target.timestamp()), 0.0, 1.0)
        ),
    )


def _collections(curve: InflowCurve, cutoff: datetime) -> list[datetime]:
    """Emptyings after the cutoff, each at the first reading that shows it."""
    times = curve.times[curve.emptyings.first_after] if len(curve.emptyings) else np.empty(0)
    return [moment(at) for at in times.tolist() if at > cutoff.timestamp()]
