"""Scores as metrics: by fraction, by fraction and horizon, and by district, each a kind of its own.

A mean over a whole fraction is silent where one horizon is covered too rarely and another too often, or one district by what the others make up for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Gauge

from models.domain.forecast_score import ForecastScore
from runtime import metrics


@dataclass(frozen=True, slots=True)
class ScoreMetrics:
    """One kind. `apart` are the keys of `forecast_scores` that it tells apart, and the labels."""

    apart: tuple[str, ...]
    coverage: Gauge
    cases: Gauge
    pinball: Gauge

    def show(self, scores: Sequence[ForecastScore]) -> None:
        """Shows these, told apart by `apart`, and nothing else: a fraction that has no scores any more leaves no alert behind."""
        coverage, cases, pinball = {}, {}, {}
        for score in scores:
            labels = tuple(str(getattr(score, key)) for key in self.apart)
            coverage[labels], cases[labels] = score.coverage, float(score.cases)
            pinball[*labels, "forecaster"] = score.pinball
            pinball[*labels, "usual rate"] = score.usual_rate_pinball
            pinball[*labels, "weekday pattern"] = score.weekday_pinball
        for gauge, values in ((self.coverage, coverage), (self.cases, cases), (self.pinball, pinball)):
            _replace(gauge, values)


SCORE_METRICS = (
    ScoreMetrics(("fraction",), metrics.FORECAST_COVERAGE, metrics.FORECAST_CASES, metrics.FORECAST_PINBALL),
    ScoreMetrics(
        ("fraction", "horizon_hours"),
        metrics.FORECAST_HORIZON_COVERAGE,
        metrics.FORECAST_HORIZON_CASES,
        metrics.FORECAST_HORIZON_PINBALL,
    ),
    ScoreMetrics(
        ("district",), metrics.FORECAST_DISTRICT_COVERAGE, metrics.FORECAST_DISTRICT_CASES, metrics.FORECAST_DISTRICT_PINBALL
    ),
)


def _replace(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
    """New values first, and then away with what has none: a scrape in between, from another thread, misses none that stays, so that no alert
    begins to wait anew."""
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
    for sample in next(iter(gauge.collect())).samples:
        labels = tuple(sample.labels.values())
        if labels not in values:
            gauge.remove(*labels)
