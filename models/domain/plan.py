"""A collection plan: which containers, by which truck, in which order, and for each container why or why not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from models.domain.district_standing import HeldDistrict
from models.domain.legal_interval import LegalInterval
from models.domain.reading import UtcDatetime
from models.domain.registry import DomainType, Window
from models.domain.verdict import VerdictFigures

WHOLE_CITY = "*"
SHADOW = "*shadow"
"""Stands where a plan's district stands: a plan of shadow mode, which is scored and never handed out."""


class VisitKind(StrEnum):
    DEPOT = "depot"
    STOP = "stop"
    DISPOSAL = "disposal"
    BREAK = "break"


class Visit(DomainType):
    """One halt of a truck. Times are seconds of the plan's local day; `load_l` is on board when leaving."""

    kind: VisitKind
    place_id: str
    container_ids: tuple[str, ...] = ()
    arrival_s: int
    departure_s: int
    load_l: int


class Route(DomainType):
    """One truck's tour of one day, from depot to depot. `path` is (latitude, longitude) along the roads, for maps."""

    truck_id: str
    visits: tuple[Visit, ...]
    distance_m: int
    duration_s: int
    path: tuple[tuple[float, float], ...] = ()


class DecisionRule(StrEnum):
    """The rule that decided on a container."""

    PINNED = "pinned"
    LEGAL_INTERVAL = "legal_interval"
    FORBIDDEN = "forbidden"
    OVERFLOW_FIRST = "overflow_first"
    REQUIRED = "required"
    PRIZE = "prize"
    BROUGHT_FORWARD = "brought_forward"
    ON_THE_WAY = "on_the_way"
    SCHEDULE = "schedule"
    NOT_WORTH_IT = "not_worth_it"
    NO_ROOM = "no_room"
    NO_DATA = "no_data"
    LEFT_BY_CREW = "left_by_crew"


class Unusable(StrEnum):
    """Why a forecast must not decide."""

    NO_FORECAST = "no_forecast"
    STALE = "stale"
    BEGINS_LATER = "begins_later"
    TOO_SHORT = "too_short"
    SHADOW = "shadow"
    """Its district is in shadow mode."""
    FALLEN_BACK = "fallen_back"
    """Its district is back on its fixed route."""


class DecisionFigures(DomainType):
    """The figures behind a decision that are not its own columns: with them its sentence is written again, in either language.

    `cost` is the detour in money, time and service included; `turning_probability` the P(overflow before the next chance) at which the
    decision would have turned; `extra_m` what closed bridges add to the way there. `rule_without_wish` is what would have decided
    had nobody pinned or forbidden the container; `left_by_crew` is what a crew said that left it standing.
    `rank` of `ranks` is its district's, by expected overflow, on a disrupted day. A container that is brought forward is due on `busy_day`,
    whose work would take `busy_share` of its trucks' hours. `windows`, `max_truck_width_mm` and `max_truck_weight_kg` are its limits, as
    registered when the plan was made. `legal` is how its legal interval stands; `rule_without_law` what decides on the same figures without it.
    """

    plan_date: date
    next_chance: date
    level_expected: float | None
    doubtful: bool = False
    unusable: Unusable | None = None
    stale_hours: float
    required_from: float
    due_today: bool = False
    next_due: date | None = None
    cost: float | None = None
    turning_probability: float | None = None
    rule_without_wish: DecisionRule | None = None
    left_by_crew: str | None = None
    bridges: tuple[str, ...] = ()
    extra_m: int = 0
    district: str = ""
    rank: int | None = None
    ranks: int | None = None
    busy_day: date | None = None
    busy_share: float | None = None
    windows: tuple[Window, ...] | None = None
    max_truck_width_mm: int | None = None
    max_truck_weight_kg: int | None = None
    legal: LegalInterval | None = None
    rule_without_law: DecisionRule | None = None


class ContainerDecision(DomainType):
    """Why a container is on the plan or off it, with the figures that the sentence is made of. `figures` is None on plans of
    the first release."""

    container_id: str
    collected: bool
    rule: DecisionRule
    truck_id: str | None
    level_now: float | None
    level_observed_at: UtcDatetime | None
    overflow_probability: float | None
    prize: float
    detour_m: int | None
    reason: str
    figures: DecisionFigures | None = None


class CostedSchedule(DomainType):
    """The fixed schedule of the same day, costed on the same roads by the same rules."""

    trucks: int
    stops: int
    distance_m: int
    duration_s: int


class LeftBehind(DomainType):
    """What tours leave standing until the next chance: containers that had to go, and how many of all that they leave are expected
    to overflow by then."""

    required: int
    expected_overflows: float


class CollectionPlan(DomainType):
    """A plan of one day, district ("*" = all) and fraction. `revision` counts from 1; `check_failures` is empty when the
    independent checker found nothing wrong. `verdict` is one sentence on whether this or the fixed schedule was better and is kept."""

    plan_date: date
    district: str
    fraction: str
    revision: int
    made_at: UtcDatetime
    seed: int
    iterations: int
    matrix_source: str
    routes: tuple[Route, ...]
    decisions: tuple[ContainerDecision, ...]
    fixed_schedule: CostedSchedule | None
    check_failures: tuple[str, ...]
    verdict: str = ""
    verdict_figures: VerdictFigures | None = None
    """What the verdict is written from; None on plans of earlier releases."""
    fixed_routes: tuple[Route, ...] = ()
    """What the fixed schedule drives that day: handed out when nobody releases the plan."""
    kept_fixed: bool = False
    """The fixed schedule was better and is this plan."""
    held: tuple[HeldDistrict, ...] = ()
    """Districts whose fixed routes are driven that day, and why."""
    shadow_districts: tuple[str, ...] = ()
    """On a plan of shadow mode: the districts that are compared."""

    @property
    def distance_m(self) -> int:
        return sum(route.distance_m for route in self.routes)

    @property
    def stop_count(self) -> int:
        return sum(1 for route in self.routes for visit in route.visits if visit.kind is VisitKind.STOP)

    @property
    def left_by_plan(self) -> LeftBehind:
        return _left_behind(self.decisions, self.routes)

    @property
    def left_by_fixed_schedule(self) -> LeftBehind:
        return _left_behind(self.decisions, self.fixed_routes)


def left_in_all(found: Sequence[LeftBehind]) -> LeftBehind:
    """The sum over the fractions of a day."""
    expected = round(sum(item.expected_overflows for item in found), 2)
    return LeftBehind(required=sum(item.required for item in found), expected_overflows=expected)


def _left_behind(decisions: Sequence[ContainerDecision], routes: Sequence[Route]) -> LeftBehind:
    served = {name for route in routes for visit in route.visits for name in visit.container_ids}
    left = [item for item in decisions if item.container_id not in served]
    return LeftBehind(
        required=sum(_must_go(item) for item in left),
        expected_overflows=round(sum(item.overflow_probability or 0.0 for item in left), 2),
    )


def _must_go(item: ContainerDecision) -> bool:
    """By what may overflow, or by law."""
    limit = item.figures.required_from if item.figures else 1.0
    by_law = item.figures is not None and item.figures.legal is not None and item.figures.legal.due
    return by_law or (item.overflow_probability is not None and item.overflow_probability >= limit)
