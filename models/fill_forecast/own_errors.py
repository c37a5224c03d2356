"""How much forecasts of a container were off before: by container and days ahead, of those alone that had ended before the week of a cutoff began."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from models.fill_forecast.history import DAY, FloatArray, IntArray
from models.fill_forecast.rows import ERROR_LEVELS, PAST_ERROR_NAMES, RECENT_ERROR_LEVELS, Rows

LEAST_ERRORS = 10
"""Fewer past errors tell nothing."""
_WEEK = 7 * DAY
_LATELY = 6 * _WEEK


def weeks_with_errors(rows: Rows, point: FloatArray) -> Iterator[tuple[IntArray, FloatArray, FloatArray]]:
    """(rows of one container, days ahead and week; errors of `point` [row] at forecasts that had ended before that week; seconds from their
    targets to the week's beginning)."""
    group = rows.container * 1000 + rows.horizon_days
    for value in np.unique(group):
        chosen = np.flatnonzero(group == value)
        order = chosen[np.argsort(rows.cutoff[chosen], kind="stable")]
        errors: FloatArray = rows.truth[order] - point[order]
        weeks: FloatArray = np.floor(rows.cutoff[order] / _WEEK)
        for week in np.unique(weeks).tolist():
            ago = week * _WEEK - rows.target_at[order]
            ended = (ago >= 0) & ~np.isnan(errors)
            yield order[np.flatnonzero(weeks == week)], errors[ended], ago[ended]


def with_past_errors(rows: Rows, point: FloatArray) -> Rows:
    """The same rows, told quantiles of the errors that `point` [row] had: of all before, and of the last six weeks; NaN where there are fewer
    than ten. What a container's sensor and usage leave open differs from container to container, and nothing shows it as its own past errors do."""
    told = np.full((len(rows), len(PAST_ERROR_NAMES)), np.nan)
    ever = len(ERROR_LEVELS)
    for here, errors, ago in weeks_with_errors(rows, point):
        lately = errors[ago < _LATELY]
        if len(errors) >= LEAST_ERRORS:
            told[here, :ever] = np.quantile(errors, ERROR_LEVELS)
        if len(lately) >= LEAST_ERRORS:
            told[here, ever:] = np.quantile(lately, RECENT_ERROR_LEVELS)
    return replace(rows, past_errors=told)
