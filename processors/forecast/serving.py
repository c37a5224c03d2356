"""The model that serves: loaded when another one was taken, refused with a sentence when it does not fit this installation.

Without a model each container's own past stands in, and every such forecast says so in its grade, its version and its sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from models.domain.forecast import FULL_MODEL, STALE_MODEL, InflowForecast
from models.fill_forecast.artifact import REFUSALS, ArtifactRefused, Refusal, unpack
from models.fill_forecast.forecaster import FittedForecaster
from models.fill_forecast.history import DAY, History
from models.fill_forecast.recalibration import Spread, is_calibrated, recalibrated
from models.fill_forecast.served_inflow import ServedInflow, fallback
from runtime import logs, metrics
from storage.forecast_models import model_content, model_name, serving_version
from storage.forecast_spread import newest_spreads

NONE_TAKEN = "no fitted model has been taken yet"


class ServingModel:
    """What forecasts here. `refresh` before each sweep; `forecast` is pure and may run in a thread."""

    def __init__(self, *, stale_days: float) -> None:
        self._stale_seconds = stale_days * DAY
        self._seen: tuple[int, int] | None = None
        self.model: ServedInflow | None = None
        self.why_not = NONE_TAKEN
        self.spreads: Mapping[tuple[str, str], Spread] = {}
        self._log = logs.get_logger()
        for reason in REFUSALS:  # there at 0 before the first is refused: an increase from nothing is none
            metrics.FORECAST_MODEL_REFUSED.labels(reason)
            metrics.FORECAST_SERVING_MODEL_REFUSED.labels(reason)

    async def refresh(self, connection: asyncpg.Connection) -> None:
        """Loads the model that serves now, if it is another one than before, and how widely forecasts are spread today."""
        self.spreads = await newest_spreads(connection)
        found = await serving_version(connection)
        if found is None:
            _tell_refused(None)
        if found is None or found == self._seen:
            return
        content, digest = await model_content(connection, found[1])
        name = model_name(found[1], digest)
        self._seen = found
        try:
            self.model = await asyncio.to_thread(unpack, content, expected_sha256=digest, version=name)
        except ArtifactRefused as error:
            self.model, self.why_not = None, f"model {name} was refused: {error}"
            metrics.FORECAST_MODEL_REFUSED.labels(error.reason).inc()
            _tell_refused(error.reason)
            self._log.error("forecast_model_refused", model=name, reason=error.reason, sentence=str(error))
            return
        _tell_refused(None)
        self._log.info("forecast_model_serves", model=name, missing_members=list(self.model.missing_members()))

    def forecast(
        self, own_past: FittedForecaster | None, histories: Sequence[History], *, cutoff: datetime, known_at: datetime
    ) -> list[InflowForecast | None]:
        """One forecast per history, by the serving model or, visibly, by `own_past`. A model that learnt from readings after the cutoff is
        not asked: it would tell what it has seen."""
        at, known = cutoff.timestamp(), known_at.timestamp()
        if self.model is not None and self.model.description.data_until <= cutoff:
            age = at - self.model.description.data_until.timestamp()
            metrics.FORECAST_MODEL_AGE.set(age / DAY)
            made = self.model.forecast_many(histories, cutoff=at, known_at=known)
            told = self._spread(made, histories)
            return [_aged(item) if age > self._stale_seconds else item for item in told]
        if own_past is None:
            raise RuntimeError("fit comes before forecast")
        why = self.why_not if self.model is None else f"model {self.model.version} learnt from later readings"
        return self._spread([self._fallback(own_past, history, at, known, why) for history in histories], histories)

    def _spread(self, made: Sequence[InflowForecast | None], histories: Sequence[History]) -> list[InflowForecast | None]:
        """Each as widely as forecasts of its model turned out to need; a spread that was made after the cutoff knows too much."""
        told: list[InflowForecast | None] = []
        for item, history in zip(made, histories, strict=True):
            spread = self.spreads.get((item.forecaster, item.forecaster_version)) if item is not None else None
            if item is None or spread is None or spread.made_at > item.cutoff.timestamp() or not is_calibrated(item):
                told.append(item)
            else:
                told.append(recalibrated(item, history.fraction, spread.factors))
        return told

    def _fallback(self, own_past: FittedForecaster, history: History, at: float, known: float, why: str) -> InflowForecast | None:
        made = own_past.forecast(history, cutoff=at, known_at=known)
        return fallback(made, history, at, known, why) if made is not None else None


def _tell_refused(reason: Refusal | None) -> None:
    """Why the model that should serve is refused now; None when it serves, or there is none."""
    for each in REFUSALS:
        metrics.FORECAST_SERVING_MODEL_REFUSED.labels(each).set(each == reason)


def _aged(made: InflowForecast | None) -> InflowForecast | None:
    """A forecast of a model that has not been fitted for long says so, unless it has something worse to say."""
    if made is None or made.model_grade != FULL_MODEL:
        return made
    return made.model_copy(
        update={
            "model_grade": STALE_MODEL,
            "basis": f"{made.basis} The model has not been fitted for long: see stadspuls model list.",
        }
    )
