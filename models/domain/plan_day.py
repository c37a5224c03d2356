"""The day of a plan: draft → released → driven → closed, what planners ask of it, and what crews say back.

Nothing here names a person: a state carries a role, a report carries a truck. What crews are handed out is the released plan, or the
fixed schedule when nobody released one in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from models.domain.failures import UserError
from models.domain.language import Language
from models.domain.reading import UtcDatetime
from models.domain.registry import DomainType, Identifier

Words = Annotated[str, Field(max_length=500)]


class DayState(StrEnum):
    """How far a day is."""

    DRAFT = "draft"
    RELEASED = "released"
    DRIVEN = "driven"
    CLOSED = "closed"


class StateChange(DomainType):
    """One step of a day. `revisions` ("district/fraction" → revision) is what a release hands out; `note` is one sentence."""

    plan_date: date
    state: DayState
    role: str
    at: UtcDatetime
    revisions: dict[str, int] = Field(default_factory=dict)
    note: Words = ""


_MAY_FOLLOW: dict[DayState | None, frozenset[DayState]] = {
    None: frozenset({DayState.DRAFT}),
    DayState.DRAFT: frozenset({DayState.RELEASED, DayState.DRIVEN}),
    # A re-plan during the day is released again.
    DayState.RELEASED: frozenset({DayState.RELEASED, DayState.DRIVEN}),
    DayState.DRIVEN: frozenset({DayState.CLOSED}),
    DayState.CLOSED: frozenset(),
}


def state_of(changes: Sequence[StateChange]) -> DayState | None:
    """The state after all changes of a day, in order; None before its first draft."""
    return changes[-1].state if changes else None


def check_step(current: DayState | None, wanted: DayState, day: date) -> None:
    """Raises `UserError` when a day cannot go from one state to another. A draft that was never released may be driven: by the
    fixed schedule."""
    if wanted in _MAY_FOLLOW[current]:
        return
    now = f"is {current.value}" if current else "has no plan yet"
    steps = " or ".join(sorted(item.value for item in _MAY_FOLLOW[current])) or "nothing: it stays closed"
    raise UserError(f"{day.isoformat()} {now} and cannot become {wanted.value}; what follows is {steps}")


class HandedOut(StrEnum):
    """What crews get."""

    NOTHING_YET = "nothing_yet"
    PLAN = "plan"
    FIXED_SCHEDULE = "fixed_schedule"


@dataclass(frozen=True, slots=True)
class Handout:
    """What is handed out, the revisions that it consists of, and one sentence for every page."""

    what: HandedOut
    revisions: dict[str, int]
    sentence: str


_HANDOUT: dict[Language, dict[str, str]] = {
    "en": {
        "plan": "The plan of {day} is released and handed out.",
        "shadow": "Shadow mode: the fixed schedule is handed out for {day}, and the plan is scored against it.",
        "late": "The fixed schedule is handed out for {day}: no plan was released in time.",
        "no_plan": "The fixed schedule is handed out for {day}: there is no plan.",
        "draft": "Nothing is handed out for {day} yet: the draft waits for its release.",
        "no_draft": "Nothing is handed out for {day} yet: there is no draft.",
    },
    "nl": {
        "plan": "Het plan van {day} is vrijgegeven en uitgedeeld.",
        "shadow": "Schaduwmodus: voor {day} wordt het vaste schema uitgedeeld, en het plan wordt ermee vergeleken.",
        "late": "Voor {day} wordt het vaste schema uitgedeeld: er is niet op tijd een plan vrijgegeven.",
        "no_plan": "Voor {day} wordt het vaste schema uitgedeeld: er is geen plan.",
        "draft": "Voor {day} is nog niets uitgedeeld: het concept wacht op vrijgave.",
        "no_draft": "Voor {day} is nog niets uitgedeeld: er is geen concept.",
    },
}


def handout(
    changes: Sequence[StateChange],
    now: datetime,
    release_by: datetime,
    day: date,
    *,
    shadow: bool = False,
    language: Language = "en",
) -> Handout:
    """What crews get at a moment: the last release, or the fixed schedule once the time to release has passed; in shadow mode from the
    beginning."""

    def told(name: str) -> str:
        return _HANDOUT[language][name].format(day=day.isoformat())

    released = [item for item in changes if item.state is DayState.RELEASED]
    if released:
        return Handout(HandedOut.PLAN, dict(released[-1].revisions), told("plan"))
    if shadow:
        return Handout(HandedOut.FIXED_SCHEDULE, {}, told("shadow"))
    if now >= release_by:
        return Handout(HandedOut.FIXED_SCHEDULE, {}, told("late" if changes else "no_plan"))
    return Handout(HandedOut.NOTHING_YET, {}, told("draft" if changes else "no_draft"))


class WishKind(StrEnum):
    """What a planner may ask of one container: that it is collected, that it is not, or by which truck."""

    PIN = "pin"
    FORBID = "forbid"


class Wish(DomainType):
    """Something that a planner asked of a day. `truck_id` with a pin: by that truck. The price is what it changed when it was
    saved, as it was shown before."""

    plan_date: date
    kind: WishKind
    container_id: Identifier
    truck_id: Identifier | None = None
    role: str = "planner"
    at: UtcDatetime
    price_m: int = 0
    price_cost: float = 0.0

    @model_validator(mode="after")
    def _only_a_pin_has_a_truck(self) -> Wish:
        if self.kind is WishKind.FORBID and self.truck_id is not None:
            raise ValueError("a forbidden container has no truck")
        return self


class DayEventKind(StrEnum):
    """What happens during a day that the plan did not know."""

    TRUCK_OUT = "truck_out"
    ROAD_BLOCKED = "road_blocked"
    URGENT = "urgent"


class DayEvent(DomainType):
    """`subject` is the truck, the street or bridge, or the container."""

    plan_date: date
    kind: DayEventKind
    subject: Identifier
    role: str = "planner"
    at: UtcDatetime
    note: Words = ""


class CrewWord(StrEnum):
    """What a crew says about a stop, or about its order."""

    DONE = "done"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    BAGS_BESIDE = "bags_beside"
    FILL_SEEN = "fill_seen"
    REORDERED = "reordered"


class CrewReport(DomainType):
    """One word of a crew. `report_id` is made on the phone: sent twice, it is stored once. `said_at` is when it was said, which
    without reception is before it arrives. `order` are container ids, of what was still to come."""

    report_id: UUID
    word: CrewWord
    container_id: Identifier | None = None
    said_at: UtcDatetime
    reason: Words = ""
    fill_ratio: Annotated[float | None, Field(ge=0, le=1)] = None
    order: Annotated[tuple[Identifier, ...], Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _is_complete(self) -> CrewReport:
        if self.word is CrewWord.REORDERED:
            if not self.order or not self.reason:
                raise ValueError("a changed order needs the order and its reason")
        elif self.container_id is None:
            raise ValueError("a word about a container needs its container_id")
        if self.word is CrewWord.FILL_SEEN and self.fill_ratio is None:
            raise ValueError("a level seen needs fill_ratio")
        if self.word is CrewWord.SKIPPED and not self.reason:
            raise ValueError("a skipped container needs a reason")
        return self


def moment_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A wall clock's time on a local day, in UTC."""
    return datetime.combine(day, at, zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class DayResult:
    """What came of a day: planned containers by the last word of a crew on them."""

    planned: int
    done: int
    skipped: int
    blocked: int
    unsaid: int
    bags_beside: int
    reordered: int

    def sentence(self) -> str:
        """For the day's last note."""
        return (
            f"{self.done} of {self.planned} containers done, {self.skipped} skipped, {self.blocked} blocked, {self.unsaid} without a word; "
            f"bags beside {self.bags_beside}, order changed {self.reordered} times."
        )


def day_result(planned: Sequence[str], reports: Sequence[CrewReport]) -> DayResult:
    """The result of a day; `reports` in the order in which they were said. A later word on a container replaces an earlier one."""
    final = {CrewWord.DONE, CrewWord.SKIPPED, CrewWord.BLOCKED}
    last = {report.container_id: report.word for report in reports if report.word in final}
    said = [last.get(container_id) for container_id in planned]
    return DayResult(
        planned=len(said),
        done=said.count(CrewWord.DONE),
        skipped=said.count(CrewWord.SKIPPED),
        blocked=said.count(CrewWord.BLOCKED),
        unsaid=said.count(None),
        bags_beside=len({report.container_id for report in reports if report.word is CrewWord.BAGS_BESIDE}),
        reordered=sum(1 for report in reports if report.word is CrewWord.REORDERED),
    )
