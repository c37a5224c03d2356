"""Forecasts of one container. What is stored and scored is the inflow without future collections; the level over time is
an overlay of given collections on it, computed where it is needed."""

from __future__ import annotations

from datetime import date

from models.domain.reading import UtcDatetime
from models.domain.registry import DomainType

FULL_MODEL, PARTIAL, STALE_MODEL, FALLBACK = "full", "partial", "stale", "fallback"


class ForecastEvidence(DomainType):
    """What a forecast rests on, as data. Rates are fractions of the capacity per day; `weekday_rates` begin with Monday (UTC days);
    `days_of_data` are the days for which readings tell what comes in, `members` the mean weights of what was averaged, `doubts` sentences on what
    is wrong with the data. Where deposits had a say: how many since the last emptying (or since counting began), and the litres of one.
    `level_is_read`: by a sensor, in the last weeks. `holidays` are public holidays of the week to come, which are taken for Sundays."""

    last_good_level: float
    last_good_at: UtcDatetime
    rate_now_per_day: float
    rate_usual_per_day: float
    weekday_rates: tuple[float, ...]
    emptied_at: UtcDatetime | None
    suspect_share: float
    days_of_data: float
    members: dict[str, float]
    doubts: tuple[str, ...] = ()
    deposits_since_emptying: int | None = None
    litres_per_deposit: float | None = None
    level_is_read: bool = True
    holidays: tuple[date, ...] = ()

    @property
    def emptied_unread(self) -> bool:
        """Whether a truck reported to have emptied it after it was last read."""
        return self.emptied_at is not None and self.emptied_at > self.last_good_at


class Uncalibrated(DomainType):
    """What a forecaster had said before its spread was set right by how its forecasts of the last weeks turned out; shapes as in
    `InflowForecast`."""

    inflow_quantiles: tuple[tuple[float, ...], ...]
    level_error: tuple[float, ...]
    after_collection_spread: tuple[float, float] = (1.0, 1.0)


class InflowForecast(DomainType):
    """Cumulative inflow of one container after `cutoff`, as fractions of its capacity (0.5 = half a container).

    `inflow_quantiles[q][h]` is the quantile `quantiles[q]` of what flows in between the cutoff and `cutoff + horizon_hours[h]`.
    Rows do not cross and do not fall with time. `level_at_cutoff` is the robust level then, `level_observed_at` when it was
    last read. `data_grade` is "good", "doubtful" or "stale"; `basis` is one sentence on what the forecast rests on.
    `level_error[q]` is what to add to `level_at_cutoff` for its own quantile (empty: taken as exact): a sensor sees a heap, not the mean, and what
    came in since a silent one was read is not known.
    `level_sd` is how unsure that level is beyond a sensor in order (standard deviation), `errors_shared` whether it errs the way the inflow does
    (both from the same litres per deposit), `level_sd_above` how unsure upwards, beyond that.
    `emptied_unseen` is the chance that a container whose sensor is silent, covered or stuck was emptied since it was read, which `level_error` holds
    then.
    `level_after_emptying` is what collections of this container usually leave behind, `level_after_sd` how sure that is (standard deviation).
    `after_collection_spread`: by what the lower and upper side of levels after a collection are wider than such windows without one.
    `day_profile` is how a usual day's inflow is shared among its 24 hours (UTC), by which levels between horizons are told (empty: evenly).
    `model_grade` says by what it was made: "full" (the served model with all its members), "partial" (a member was missing), "stale" (the served
    model has not been fitted for long) or "fallback" (the container's own past alone, because no model could serve). `uncalibrated` is there
    where the spread was set right by resolved forecasts.
    """

    container_id: str
    forecaster: str
    forecaster_version: str
    cutoff: UtcDatetime
    known_at: UtcDatetime
    level_at_cutoff: float
    level_observed_at: UtcDatetime
    quantiles: tuple[float, ...]
    horizon_hours: tuple[int, ...]
    inflow_quantiles: tuple[tuple[float, ...], ...]
    data_grade: str
    basis: str
    level_after_emptying: float = 0.0
    level_after_sd: float = 0.0
    after_collection_spread: tuple[float, float] = (1.0, 1.0)
    day_profile: tuple[float, ...] = ()
    model_grade: str = FALLBACK
    level_sd: float = 0.0
    level_sd_above: float = 0.0
    emptied_unseen: float = 0.0
    errors_shared: bool = False
    evidence: ForecastEvidence | None = None
    level_error: tuple[float, ...] = ()
    uncalibrated: Uncalibrated | None = None


class Emptying(DomainType):
    """A collection as seen in the signal: somewhere after `after` and not later than `before`, from one level to another."""

    container_id: str
    after: UtcDatetime
    before: UtcDatetime
    level_before: float
    level_after: float
