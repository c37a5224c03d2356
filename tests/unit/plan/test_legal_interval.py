"""A legal maximum between two collections: whom it sends a truck to, what it says, and what it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from models.domain.district_standing import HeldBy, Standing
from models.domain.failures import UserError
from models.domain.legal_interval import KnownFrom, LastCollection
from models.domain.plan import CollectionPlan, ContainerDecision, DecisionRule
from models.domain.plan_day import Wish, WishKind
from models.domain.reason_words import reason
from models.domain.shadow import ShadowVisit
from processors.plan.day import CityInputs
from processors.plan.reproduction import decided as decided_bytes
from processors.plan.reproduction import made_again
from processors.plan.shadow_world import shadow_collection
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city, container, line, truck
from tests.unit.plan.test_planner import EMPTY, FULL, WAITS, decided, planned
from tests.unit.plan.test_wishes_and_remaking import made, stored, wish, wished

AGO_13 = MONDAY - timedelta(days=13)


def by_law(
    levels: dict[int, tuple[float, float] | None], last: dict[int, date], known_from: KnownFrom = KnownFrom.EMPTYING, **changes: Any
) -> CityInputs:
    """A small city where every container is collected within 14 days by law; on Monday the next chance is Tuesday."""
    found = city(levels, **({"fixed_lines": ()} | changes))
    containers = tuple(container(number, max_interval_days=14) for number in levels)
    names = {number: f"c-{number:04d}" for number in last}
    known = {names[n]: LastCollection(container_id=names[n], on=day, known_from=known_from) for n, day in last.items()}
    return replace(found, containers=containers, last_collected=known)


def only(plan: CollectionPlan) -> ContainerDecision:
    (found,) = plan.decisions
    return found


def test_container_whose_interval_ends_before_the_next_chance_is_collected_though_it_could_wait() -> None:
    due = only(planned(by_law({9: WAITS}, {9: AGO_13 - timedelta(days=1)})))
    assert (due.collected, due.rule) == (True, DecisionRule.LEGAL_INTERVAL)
    assert due.reason.startswith(
        "Required: at most 14 days between collections by law, last collected 14 days earlier (Mon 9 Nov): 50 % full on Sun 22 Nov 16:00"
    )
    assert due.reason.endswith("Without the law it would have waited.")
    assert reason(due, "nl", ZONE).startswith(
        "Verplicht: wettelijk hoogstens 14 dagen tussen twee legingen, 14 dagen eerder (ma 9 nov) voor het laatst geleegd: 50 % vol"
    )
    assert reason(due, "nl", ZONE).endswith("Zonder de wet had hij gewacht.")


def test_container_that_reaches_the_next_chance_in_time_waits_and_says_how_it_stands() -> None:
    waits = only(planned(by_law({9: WAITS}, {9: AGO_13})))
    assert (waits.collected, waits.rule) == (False, DecisionRule.NOT_WORTH_IT)
    assert "At most 14 days between collections by law, last collected 13 days earlier (Tue 10 Nov)." in waits.reason


def test_next_chance_is_the_next_collection_day_and_not_tomorrow() -> None:
    plan = planned(by_law({9: WAITS}, {9: MONDAY - timedelta(days=11)}), plan_weekdays="mon|fri")
    assert only(plan).rule is DecisionRule.LEGAL_INTERVAL, "11 days today, 15 on Friday"


def test_full_container_would_have_been_collected_without_the_law_too() -> None:
    due = only(planned(by_law({1: FULL}, {1: AGO_13 - timedelta(days=1)})))
    assert due.rule is DecisionRule.LEGAL_INTERVAL
    assert due.reason.endswith("Without the law it would have been collected all the same.")


def test_law_goes_before_what_may_overflow_where_there_is_room_for_one() -> None:
    small = truck(capacity_l=4100, shift_end_s=27_600)
    levels: dict[int, tuple[float, float] | None] = {1: FULL, 2: WAITS}
    plan = planned(by_law(levels, {1: MONDAY, 2: MONDAY - timedelta(days=20)}, trucks=(small,)))
    assert [decided(plan, number).rule for number in (1, 2)] == [DecisionRule.NO_ROOM, DecisionRule.LEGAL_INTERVAL]
    assert plan.check_failures == ()


def test_day_with_too_few_trucks_still_has_a_plan_and_says_whom_it_leaves_by_law() -> None:
    small = truck(capacity_l=4100, shift_end_s=27_600)
    plan = planned(by_law({1: FULL, 2: FULL}, {1: AGO_13 - timedelta(days=9), 2: AGO_13 - timedelta(days=9)}, trucks=(small,)))
    (left,) = [item for item in plan.decisions if not item.collected]
    assert left.rule is DecisionRule.NO_ROOM
    assert left.reason.startswith("Required, but no truck has room or time left: at most 14 days between collections by law, last")
    assert reason(left, "nl", ZONE).startswith("Verplicht, maar geen wagen heeft nog ruimte of tijd: wettelijk hoogstens 14 dagen")
    assert plan.left_by_plan.required == 1
    assert plan.check_failures == ()


@pytest.mark.parametrize(
    ("known_from", "english", "dutch"),
    [
        (
            KnownFrom.CREW,
            "last collected 14 days earlier (Mon 9 Nov), as its crew said",
            "voor het laatst geleegd volgens zijn ploeg",
        ),
        (
            KnownFrom.READ,
            "no collection was seen since its sensor was put there 14 days earlier",
            "geen leging gezien sinds zijn sensor er",
        ),
        (KnownFrom.SHADOW, "last collected by a shadow plan 14 days earlier", "voor het laatst geleegd door een schaduwplan"),
    ],
)
def test_sentence_says_what_the_days_are_counted_from(known_from: KnownFrom, english: str, dutch: str) -> None:
    due = only(planned(by_law({9: WAITS}, {9: AGO_13 - timedelta(days=1)}, known_from)))
    assert due.rule is DecisionRule.LEGAL_INTERVAL
    assert english in due.reason
    assert dutch in reason(due, "nl", ZONE)


def test_unknown_last_collection_counts_from_the_fixed_schedule() -> None:
    fortnightly = (line("c-0009", weekdays=(0,), every_weeks=2, week_offset=1),)
    due = only(planned(by_law({9: None}, {}, fixed_lines=fortnightly)))
    assert (due.rule, due.collected) == (DecisionRule.LEGAL_INTERVAL, True), "the schedule's last day was a fortnight ago"
    assert "no collection of it is known, and the fixed schedule's last day for it was 14 days earlier (Mon 9 Nov)" in due.reason
    assert "there is no forecast" in due.reason
    weekly = (line("c-0009", weekdays=(1,)),)
    assert only(planned(by_law({9: None}, {}, fixed_lines=weekly))).rule is DecisionRule.NO_DATA


def test_container_of_which_nothing_is_known_is_due_and_says_so() -> None:
    due = only(planned(by_law({9: None}, {})))
    assert (due.rule, due.collected) == (DecisionRule.LEGAL_INTERVAL, True)
    assert due.reason.startswith(
        "Required: at most 14 days between collections by law, and no collection of it is known: there is no"
    )
    assert "en er is geen leging van bekend" in reason(due, "nl", ZONE)


def test_day_before_its_last_day_counts_it_in_the_levelled_week() -> None:
    """Forty that fall due by law on Friday, more than its truck has time for: some go today, and say from when."""
    levels: dict[int, tuple[float, float] | None] = dict.fromkeys(range(1, 41), (0.7, 0.01))
    last = dict.fromkeys(levels, MONDAY - timedelta(days=10))
    settings = {"plan_weekdays": "mon|tue|wed|thu|fri|sat", "plan_level_share": 0.2, "plan_level_days": 7}
    fleet = (truck(shift_end_s=36_000, capacity_l=200_000),)
    plan = planned(by_law(levels, last, trucks=fleet), **settings)
    assert plan.verdict_figures is not None
    levelled = plan.verdict_figures.levelled
    assert levelled is not None
    assert levelled.busy_day == date(2026, 11, 27), "on Saturday it would be fifteen days"


def test_planner_cannot_leave_out_what_the_law_sends_a_truck_to() -> None:
    found, kept = made(by_law({1: FULL, 9: WAITS}, {1: MONDAY, 9: AGO_13 - timedelta(days=1)}))
    with pytest.raises(
        UserError, match="c-0009 cannot be left out: by law it is collected every 14 days at least, the last was 14 days"
    ):
        wished(found, kept, wish(WishKind.FORBID, 9))
    assert wished(found, kept, wish(WishKind.FORBID, 1)).price.off == ("c-0001",)


def test_wish_from_before_it_was_due_is_kept_and_its_sentence_names_the_law() -> None:
    forbidden = Wish(plan_date=MONDAY, kind=WishKind.FORBID, container_id="c-0009", at=NOW)
    plan = planned(replace(by_law({9: WAITS}, {9: AGO_13 - timedelta(days=1)}), wishes=(forbidden,)))
    left = only(plan)
    assert (left.collected, left.rule) == (False, DecisionRule.FORBIDDEN)
    assert "At most 14 days between collections by law, last collected 14 days earlier (Mon 9 Nov)." in left.reason
    assert left.reason.endswith("Unasked it would have been collected all the same.")


def test_plan_with_legal_intervals_is_made_again_byte_for_byte() -> None:
    fortnightly = (line("c-0003", weekdays=(0,), every_weeks=2, week_offset=1),)
    inputs = by_law({1: FULL, 2: EMPTY, 3: None, 4: WAITS}, {1: AGO_13, 2: AGO_13 - timedelta(days=1)}, fixed_lines=fortnightly)
    found, kept = made(inputs)
    assert {item.rule for item in found.plan.decisions} >= {DecisionRule.LEGAL_INTERVAL}
    assert decided_bytes(made_again(kept).plan) == decided_bytes(found.plan)
    pinned = wished(found, kept, wish(WishKind.PIN, 2))
    assert decided_bytes(made_again(stored(pinned.planned, kept["forecasts"], pinned.made)).plan) == decided_bytes(
        pinned.planned.plan
    )


def test_law_holds_in_a_district_that_fell_back_and_not_in_one_in_shadow_mode() -> None:
    inputs = by_law({9: WAITS}, {9: AGO_13 - timedelta(days=1)}, fixed_lines=(line("c-0009", weekdays=(1,)),))
    inputs = replace(inputs, containers=tuple(item.model_copy(update={"district": "Haven"}) for item in inputs.containers))
    fallen = Standing(district="Haven", since=MONDAY - timedelta(days=1), cause=HeldBy.DATA)
    due = only(planned(replace(inputs, standings=(fallen,))))
    assert (due.collected, due.rule) == (True, DecisionRule.LEGAL_INTERVAL)
    assert "Haven is back on its fixed route" in due.reason
    shadow = only(planned(replace(inputs, standings=(Standing(district="Haven", shadow=True),))))
    assert (shadow.collected, shadow.rule) == (False, DecisionRule.SCHEDULE)
    assert "by law" not in shadow.reason


def _visit(day: int, came: bool) -> ShadowVisit:
    collected = datetime(2026, 11, day, 9, tzinfo=UTC) if came else None
    return ShadowVisit(plan_date=date(2026, 11, day), container_id="c-0001", collected_at=collected)


def test_shadow_world_counts_from_its_own_collections() -> None:
    real = LastCollection(container_id="c-0001", on=date(2026, 11, 19), known_from=KnownFrom.EMPTYING)
    came = shadow_collection(real, [_visit(16, came=False), _visit(17, came=True), _visit(18, came=False)], ZONE)
    assert came == LastCollection(container_id="c-0001", on=date(2026, 11, 17), known_from=KnownFrom.SHADOW)
    never = shadow_collection(real, [_visit(16, came=False), _visit(17, came=False)], ZONE)
    assert never == real.model_copy(update={"on": date(2026, 11, 16)}), "the real truck of the 19th did not come there"
    assert shadow_collection(real, [], ZONE) == real
