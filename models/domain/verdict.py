"""What a plan's verdict is about, as figures: its sentence is written from them in either language by `models.domain.verdict_words`."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from models.domain.plan_day import DayEvent, WishKind
from models.domain.registry import DomainType


class Tours(DomainType):
    """Trucks, stops, metres and money of some tours."""

    trucks: int
    stops: int
    distance_m: int
    cost: float


class WhatIsKept(StrEnum):
    """What the comparison with the fixed schedule came to."""

    PLAN = "plan"
    FIXED = "fixed"
    PLAN_AS_FIXED_BREAKS_A_RULE = "plan_as_fixed_breaks_a_rule"


class BrokenLimit(StrEnum):
    """A limit of the registry that the fixed schedule would break."""

    WINDOW = "window"
    WIDTH = "width"
    WEIGHT = "weight"
    BREAK = "break"
    SHIFT_LENGTH = "shift_length"
    SHIFT_LOAD = "shift_load"
    SHIFT_STOPS = "shift_stops"


class Compared(DomainType):
    """The plan was weighed against the day's fixed schedule, which would leave `left_standing` that must go. `broken` are the limits
    that it would break, where it is not kept for that."""

    about: Literal["compared"] = "compared"
    kept: WhatIsKept
    plan: Tours
    fixed: Tours
    left_standing: int = 0
    broken: tuple[BrokenLimit, ...] = ()


class Disrupted(DomainType):
    """A disrupted day: so many trucks were left for these fractions."""

    about: Literal["disrupted"] = "disrupted"
    reason: str
    trucks_left: int
    fractions: tuple[str, ...]
    district_by_district: bool
    tours: Tours


class AskedOf(DomainType):
    """One wish of a planner."""

    kind: WishKind
    container_id: str
    truck_id: str | None = None


class PriceFigures(DomainType):
    """What wishes change, all else equal; `also` are other containers that come on or off."""

    metres: int
    seconds: int
    cost: float
    expected_overflows: float
    also: tuple[str, ...] = ()


class Wished(DomainType):
    """Changed as a planner asked, at a price; planned anew where it did not fit into the tours as they were (`price` is None)."""

    about: Literal["wished"] = "wished"
    wishes: tuple[AskedOf, ...]
    price: PriceFigures | None = None


class LeftOutFor(StrEnum):
    """Why a stop that had to be served no longer fits."""

    NO_ROOM = "no_room"
    UNREACHABLE = "unreachable"
    NO_TRUCK = "no_truck"
    CREW = "crew"


class LeftOut(DomainType):
    """`detail` is the router's own sentence, in English, or what the crew said."""

    container_id: str
    why: LeftOutFor
    detail: str


class Replanned(DomainType):
    """The rest of a day planned anew. `by_words` are trucks whose crews' words say what is driven, `by_times` those whose plan's times do;
    `changed_by_words` are, per truck, the containers on which the words and the plan's times differ."""

    about: Literal["replanned"] = "replanned"
    event: DayEvent
    trucks_kept: float
    arcs_kept: float
    left_out: tuple[LeftOut, ...] = ()
    by_words: tuple[str, ...] = ()
    by_times: tuple[str, ...] = ()
    changed_by_words: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Told(DomainType):
    """A verdict of an earlier release, which kept its sentence alone."""

    about: Literal["told"] = "told"
    text: str


About = Annotated[Compared | Disrupted | Wished | Replanned | Told, Field(discriminator="about")]


class Nearness(DomainType):
    """What a plan keeps of the one that was known: of the stops on both the share that keeps its truck, and of what is still asked for the
    share of pairs that stay in their order."""

    trucks_kept: float
    arcs_kept: float


class Levelled(DomainType):
    """So many containers go today because later days are busy, the busiest of them with `busy_share` of its trucks' hours."""

    containers: int
    busy_day: date
    busy_share: float


class VerdictFigures(DomainType):
    """What the verdict is about, how much shorter the same tours would be with the bridges open that are out of service, how near the
    plan stays to the one before, and what the week's levelling brought to it."""

    main: About
    bridges: tuple[str, ...] = ()
    shorter_m: int = 0
    near: Nearness | None = None
    levelled: Levelled | None = None
