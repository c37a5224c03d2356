"""The simple rates as members of a served model: what a planner would reckon with, in the middle of what the container's own past spreads.

A rate alone says nothing of how far off it is; how much comes in of a day to another, the container's own windows have shown.
"""

from __future__ import annotations

import numpy as np

from models.fill_forecast.history import FloatArray
from models.fill_forecast.inflow_cases import FEATURES

MEDIAN_RATE, WEEKDAY_RATE = "median rate", "weekday rate"
_INFLOW_BY = {MEDIAN_RATE: "by_median_rate_90d", WEEKDAY_RATE: "by_week_profile"}
SIMPLE_RATES: tuple[str, ...] = tuple(_INFLOW_BY)


def by_simple_rates(own: FloatArray, middle: FloatArray, features: FloatArray) -> dict[str, FloatArray]:
    """Quantiles [case, quantile] above the robust level at the last reading, by member. `own` are those of the container's own past, `middle` [case]
    their medians, `features` as in `inflow_cases.FEATURES`. Where a rate is not known, the own past stands in."""
    since_reading = features[:, FEATURES.index("level_gap_hours")]
    longer = 1 + since_reading / features[:, FEATURES.index("horizon_hours")]
    found = {}
    for name, feature in _INFLOW_BY.items():
        inflow = features[:, FEATURES.index(feature)] * longer
        found[name] = own + np.where(np.isnan(inflow), 0.0, inflow - middle)[:, None]
    return found
