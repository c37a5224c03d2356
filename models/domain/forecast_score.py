"""How forecasts turned out: one case, and the means over many."""

from __future__ import annotations

from datetime import date

from models.domain.reading import UtcDatetime
from models.domain.registry import DomainType


class ForecastOutcome(DomainType):
    """One forecast at one horizon after its truth was read. Levels are fill ratios with the collections that really happened laid over the
    forecast; `inside` the 80 % interval is 1, 0, or 0.5 for a tie with a bound; the two points are what a planner would use instead.

    `below` and `above` say by how many half-widths of the forecast, as it was before any calibration by outcomes, the settled level lay below and
    above its median (`recalibration`), in a window of `length_hours` since the last collection; None where the level is not settled."""

    container_id: str
    cutoff: UtcDatetime
    horizon_hours: int
    target_at: UtcDatetime
    forecaster: str
    forecaster_version: str
    model_grade: str
    fraction: str
    level_observed: float
    absolute_error: float
    pinball: float
    inside: float
    width: float
    usual_rate_level: float
    usual_rate_pinball: float = 0.0
    weekday_level: float
    weekday_pinball: float = 0.0
    length_hours: float | None = None
    below: float | None = None
    above: float | None = None


class ForecastScore(DomainType):
    """Means over cases, as fractions of the capacity; what the keys mean depends on what was asked to be told apart ("*": all)."""

    first_day: date
    last_day: date
    fraction: str
    horizon_hours: int
    district: str
    forecaster: str
    forecaster_version: str
    cases: int
    absolute_error: float
    pinball: float
    coverage: float
    width: float
    usual_rate_pinball: float
    weekday_pinball: float
