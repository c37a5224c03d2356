"""What is known about a fitted forecast model without loading its estimators: the JSON description inside every artifact."""

from __future__ import annotations

from pydantic import Field

from models.domain.reading import UtcDatetime
from models.domain.registry import DomainType


class ModelScore(DomainType):
    """Scores of one forecaster on cases that it had not learnt from: pinball and width as fractions of the capacity, coverage of the
    80 % interval with ties counted half."""

    name: str
    fraction: str
    cases: int
    pinball: float
    coverage: float
    width: float


class ModelDescription(DomainType):
    """`weights[cell][member]`, where a cell is "fraction|band" and the fraction "*" stands for those that were too rare. `factors[cell]` spread
    the lower and the upper side of forecasts made of these, by how such forecasts turned out (`recalibration`). `data_from` and `data_until`
    bound the readings that it learnt from. `offsets[cell][quantile]`, in units of the forecast's own width, move the quantiles of models that
    were fitted before December 2026; later ones have none."""

    forecaster: str
    forecaster_version: str
    scikit_learn: str
    numpy: str
    python: str
    features: tuple[str, ...]
    quantiles: tuple[float, ...]
    horizon_hours: tuple[int, ...]
    data_from: UtcDatetime
    data_until: UtcDatetime
    containers: int
    cases: int
    seed: int
    iterations: int
    members: tuple[str, ...]
    weights: dict[str, dict[str, float]]
    scores: tuple[ModelScore, ...]
    offsets: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    factors: dict[str, tuple[float, float]] = Field(default_factory=dict)
