"""Shadow plans beside fixed routes: sums, differences per whole week, and the words "not proven"."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from models.domain.shadow import DayFigures, DistrictDay
from models.domain.shadow_report import MeasuredDifference, compared

FIRST = date(2026, 11, 2)


def figures(km: float, overflow_h: float = 0.0) -> DayFigures:
    return DayFigures(
        emptyings=10, levels_known=10, fill_at_emptying=0.5, overflow_hours=overflow_h, distance_m=round(km * 1000), duration_s=7200
    )


def day(number: int, fixed_km: float, plan_km: float | None, district: str = "Haven", overflow_h: float = 0.0) -> DistrictDay:
    return DistrictDay(
        plan_date=FIRST + timedelta(days=number),
        district=district,
        driven_by="fixed_schedule",
        containers=20,
        counted=15,
        driven=figures(fixed_km),
        shadow=None if plan_km is None else figures(plan_km, overflow_h),
        scored_at=datetime(2026, 12, 1, tzinfo=UTC),
    )


def measured(days: list[DistrictDay], name: str) -> MeasuredDifference:
    (comparison,) = compared(days)
    return next(item for item in comparison.measures if item.measure == name)


def test_a_saving_in_every_week_is_proven_and_one_that_comes_and_goes_is_not() -> None:
    always = [day(number, 30, 20 + number % 7 * 0.1) for number in range(28)]
    saving = measured(always, "distance")
    assert (saving.fixed, saving.proven) == (840.0, True)
    assert "not proven" not in saving.sentence
    changing = [day(number, 30, 20 if number // 7 % 2 else 39) for number in range(28)]
    assert not measured(changing, "distance").proven
    assert "not proven" in measured(changing, "distance").sentence


def test_one_week_proves_nothing_and_none_says_so() -> None:
    assert "(one pair: not proven)" in measured([day(number, 30, 20) for number in range(7)], "distance").sentence
    none = measured([day(number, 30, 20) for number in range(5)], "distance")
    assert none.weekly_difference is None
    assert "no whole week has been scored yet: not proven" in none.sentence


def test_a_week_with_a_day_that_was_not_scored_makes_no_pair() -> None:
    days = [day(number, 30, None if number == 9 else 20) for number in range(21)]
    (comparison,) = compared(days)
    assert (comparison.days, comparison.weeks) == (20, 2)
    assert comparison.counted_share == 0.75


def test_more_overflow_under_the_plan_is_told_beside_the_kilometres() -> None:
    days = [day(number, 30, 20, overflow_h=3.0) for number in range(14)]
    overflow = measured(days, "overflow container-hours")
    assert (overflow.fixed, overflow.plan, overflow.weekly_difference) == (0.0, 42.0, 21.0)


def test_several_districts_are_added_up_for_the_city_first() -> None:
    days = [day(number, 30, 20, name) for number in range(14) for name in ("Haven", "Centrum")]
    assert [(item.district, item.measures[0].fixed) for item in compared(days)] == [
        ("*", 840.0),
        ("Centrum", 420.0),
        ("Haven", 420.0),
    ]


def test_days_that_were_driven_by_plan_are_not_compared_with_fixed_routes() -> None:
    assert compared([day(0, 30, 20).model_copy(update={"driven_by": "plan"})]) == []
