"""Scores are shown by fraction, by horizon and by district, and no longer than there are any."""

from __future__ import annotations

from datetime import date

import pytest
from prometheus_client import REGISTRY

from models.domain.forecast_score import ForecastScore
from processors.forecast.score_metrics import SCORE_METRICS, ScoreMetrics

OF = {kind.apart: kind for kind in SCORE_METRICS}
KEYS = {
    ("fraction",): ({"fraction": "glass"}, {"fraction": "paper"}),
    ("fraction", "horizon_hours"): ({"fraction": "glass", "horizon_hours": "6"}, {"fraction": "glass", "horizon_hours": "336"}),
    ("district",): ({"district": "Noord"}, {"district": ""}),
}


def score(labels: dict[str, str], coverage: float) -> ForecastScore:
    told = {"fraction": "*", "horizon_hours": "0", "district": "*", **labels}
    return ForecastScore(
        first_day=date(2026, 3, 1), last_day=date(2026, 3, 28), fraction=told["fraction"], horizon_hours=int(told["horizon_hours"]),
        district=told["district"], forecaster="*", forecaster_version="*", cases=900, absolute_error=0.05, pinball=0.03, coverage=coverage,
        width=0.2, usual_rate_pinball=0.04, weekday_pinball=0.05,
    )  # fmt: skip


def shown(kind: ScoreMetrics, name: str, labels: dict[str, str]) -> float | None:
    beginning = {"fraction": "", "horizon_hours": "horizon_", "district": "district_"}[kind.apart[-1]]
    return REGISTRY.get_sample_value(f"stadspuls_forecast_{beginning}{name}", labels)


def test_there_is_a_kind_by_fraction_by_horizon_and_by_district() -> None:
    assert set(OF) == set(KEYS)


@pytest.mark.parametrize("apart", KEYS, ids=" and ".join)
def test_each_score_is_shown_under_its_keys(apart: tuple[str, ...]) -> None:
    kind, (one, other) = OF[apart], KEYS[apart]
    kind.show([score(one, 0.6), score(other, 0.95)])
    assert (shown(kind, "coverage", one), shown(kind, "coverage", other)) == (0.6, 0.95), "neither makes up for the other"
    assert shown(kind, "cases", one) == 900
    losses = {name: shown(kind, "pinball", one | {"forecaster": name}) for name in ("forecaster", "usual rate", "weekday pattern")}
    assert losses == {"forecaster": 0.03, "usual rate": 0.04, "weekday pattern": 0.05}


@pytest.mark.parametrize("apart", KEYS, ids=" and ".join)
def test_what_has_no_scores_any_more_is_shown_no_longer(apart: tuple[str, ...]) -> None:
    kind, (one, other) = OF[apart], KEYS[apart]
    kind.show([score(one, 0.6), score(other, 0.95)])
    kind.show([score(other, 0.9)])
    assert shown(kind, "coverage", other) == 0.9
    for name, labels in (("coverage", one), ("cases", one), ("pinball", one | {"forecaster": "usual rate"})):
        assert shown(kind, name, labels) is None, name
    kind.show([])
    assert shown(kind, "coverage", other) is None
