"""What a day came to in a district: as it was driven, and as it would have been had the shadow plan been driven.

Shadow plans are made every day and never handed out. They live in a world of their own, where their trucks came and the others did not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from models.domain.reading import UtcDatetime
from models.domain.registry import DomainType

DrivenBy = Literal["fixed_schedule", "plan"]


class DayFigures(DomainType):
    """`fill_at_emptying` is the mean of those emptyings whose level is known, `levels_known` how many these are. `overflow_hours` are
    container-hours at full, of the containers that count. Distance and hours are None where no tour is known."""

    emptyings: Annotated[int, Field(ge=0)]
    levels_known: Annotated[int, Field(ge=0)]
    fill_at_emptying: float | None
    overflow_hours: Annotated[float, Field(ge=0)]
    distance_m: int | None
    duration_s: int | None


class DistrictDay(DomainType):
    """A district's day. `counted` of its `containers` were read all day long: only they count in overflow and fill. `shadow` is None on a day
    without a shadow plan; on a day on which no truck drives it is there all the same, with the overflow of both worlds."""

    plan_date: date
    district: str
    driven_by: DrivenBy
    containers: int
    counted: int
    driven: DayFigures
    shadow: DayFigures | None = None
    scored_at: UtcDatetime


@dataclass(frozen=True, slots=True)
class ShadowVisit:
    """A container on a day in shadow mode: when the shadow plan's truck would have come, None when it would not."""

    plan_date: date
    container_id: str
    collected_at: datetime | None
