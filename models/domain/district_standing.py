"""How a district stands when a day is planned, and whether its fixed route is driven instead of a plan.

A standing is evidence: it is stored with each plan, so that the decision can be made again. A district is *held* to its fixed route in
shadow mode, or when its data or its overflow crossed a limit.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from models.domain.registry import DomainType


class HeldBy(StrEnum):
    """Why a district is driven by its fixed route."""

    SHADOW = "shadow"
    DATA = "data"
    OVERFLOW = "overflow"


class Standing(DomainType):
    """`without_data` of the `containers` have no usable level. Overflow is in container-hours per container and day: on the last days that
    were driven by plan, on the last days whatever drove, and on the days of the fixed route before; None where too few were read. `since` and
    `cause` are set while the district was back on its fixed route when it was planned last."""

    district: str
    shadow: bool = False
    containers: Annotated[int, Field(ge=0)] = 0
    without_data: Annotated[int, Field(ge=0)] = 0
    overflow_by_plan_h: float | None = None
    overflow_lately_h: float | None = None
    overflow_baseline_h: float | None = None
    since: date | None = None
    cause: HeldBy | None = None

    @property
    def share_without_data(self) -> float:
        return self.without_data / self.containers if self.containers else 0.0


class HeldDistrict(DomainType):
    """A district that is driven by its fixed route on a day, with the standing and the limits that decided: `limit` is what was crossed,
    `back_at` from where on it is planned again (shares of containers without data, or container-hours of overflow)."""

    district: str
    by: HeldBy
    since: date | None = None
    standing: Standing
    limit: float | None = None
    back_at: float | None = None
    planned_again_from: date | None = None
