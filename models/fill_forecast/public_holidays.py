"""Public holidays of a country or region, from the package `holidays`: days that are used like Sundays."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np

from models.domain.failures import UserError
from models.fill_forecast.history import IntArray

NOWHERE = "none"
"""The region of a city that counts no day as a holiday."""
_FIRST_DAY = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=64)
def holiday_days(region: str, first_year: int, last_year: int) -> IntArray:
    """Days since 1970, rising, of a country ("NL") or a part of one ("AU-VIC"); none of "none". Raises `UserError` for what is no region."""
    if region == NOWHERE:
        return np.empty(0, dtype=np.int64)
    import holidays  # takes half a second, and only who forecasts needs it

    country, _, part = region.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=part or None, years=range(first_year, last_year + 1))
    except NotImplementedError as error:
        raise UserError(
            f"there are no public holidays of {region!r} ({error}): give a country like NL, a part of one like AU-VIC, or {NOWHERE}"
        ) from error
    return np.array(sorted(day.toordinal() - _FIRST_DAY for day in found), dtype=np.int64)
