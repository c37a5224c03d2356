"""Every verdict and price has its sentence in both languages, from stored figures alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.domain import verdict
from models.domain.language import Language
from models.domain.plan_day import DayEvent, DayEventKind, DayState, StateChange, WishKind, handout
from models.domain.verdict_words import price_sentence, verdict_in_words, verdict_sentence
from processors.plan.day import fraction_days
from processors.plan.disruption import Disruption
from processors.plan.planner import plan_fraction
from processors.plan.remaking import verdict_of
from processors.routing.roads import RoadProfile, StraightLine
from runtime.settings import PlanSettings
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city

OURS = verdict.Tours(trucks=1, stops=12, distance_m=23_400, cost=410.4)
FIXED = verdict.Tours(trucks=2, stops=1, distance_m=30_000, cost=520.0)
PRICE = verdict.PriceFigures(metres=-1234, seconds=-300, cost=-4.5, expected_overflows=0.31, also=("c-7",))
WISHES = (
    verdict.AskedOf(kind=WishKind.PIN, container_id="c-1", truck_id="t-2"),
    verdict.AskedOf(kind=WishKind.FORBID, container_id="c-2"),
)
ABOUTS: list[verdict.About] = [
    *(verdict.Compared(kept=kept, plan=OURS, fixed=FIXED, left_standing=3) for kept in verdict.WhatIsKept),
    verdict.Disrupted(reason="snow", trucks_left=1, fractions=("paper",), district_by_district=True, tours=OURS),
    verdict.Wished(wishes=WISHES, price=PRICE),
    verdict.Wished(wishes=WISHES),
    *(
        verdict.Replanned(
            event=DayEvent(plan_date=MONDAY, kind=kind, subject="t-2", at=datetime(2026, 11, 23, 9, tzinfo=UTC), note="gearbox"),
            trucks_kept=0.97,
            arcs_kept=0.81,
            left_out=tuple(verdict.LeftOut(container_id="c-3", why=why, detail="no truck has room") for why in verdict.LeftOutFor),
            by_words=("t-1",),
            by_times=("t-3",),
        )
        for kind in DayEventKind
    ),
]


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("about", ABOUTS, ids=lambda item: item.about)
def test_every_verdict_has_a_sentence(about: verdict.About, language: Language) -> None:
    text = verdict_in_words(verdict.VerdictFigures(main=about, bridges=("B-7",), shorter_m=1500), language, ZONE)
    assert text.endswith(".")
    assert "{" not in text
    assert "None" not in text
    assert "B-7" in text
    assert ("1,5 km" if language == "nl" else "1.5 km") in text


def test_the_dutch_verdict_has_dutch_figures() -> None:
    figures = verdict.VerdictFigures(main=verdict.Compared(kept=verdict.WhatIsKept.PLAN, plan=OURS, fixed=FIXED, left_standing=3))
    assert verdict_in_words(figures, "nl", ZONE) == (
        "Het plan is beter en blijft: het plan rijdt 23,4 km met 1 wagen en 12 stops, het vaste schema van de dag 30,0 km met 2 wagens en 1 stop, "
        "en zou er 3 laten staan die mee moeten (wagens en ploegen: € 410 tegen € 520)."
    )


def test_a_price_is_told_in_both_languages() -> None:
    assert price_sentence(PRICE, "en") == (
        "1.2 km less, -5 minutes, € -4.50; 0.31 containers more are expected to overflow; it also changes c-7."
    )
    assert price_sentence(PRICE, "nl") == (
        "1,2 km minder, -5 minuten, € -4,50; naar verwachting lopen 0,31 containers meer over; het verandert ook c-7."
    )
    same = PRICE.model_copy(update={"expected_overflows": 0.0, "also": (), "cost": 2.0})
    assert price_sentence(same, "nl").endswith("€ +2,00; de verwachte overloop blijft gelijk; verder verandert er niets.")


def test_the_planners_own_language_is_used_and_the_other_can_be_asked_for() -> None:
    settings = PlanSettings(plan_iterations=30, plan_language="nl")
    (day,) = fraction_days(city({1: (0.97, 0.2)}), MONDAY, settings, ZONE, NOW)
    plan = plan_fraction(day, StraightLine(), RoadProfile(), settings, ZONE, NOW).plan
    assert plan.verdict.startswith("Het ")
    assert verdict_sentence(plan, "nl", ZONE) == plan.verdict
    assert verdict_sentence(plan, "en", ZONE).startswith("The ")


def test_a_disrupted_day_says_so() -> None:
    settings = PlanSettings(plan_iterations=30)
    (day,) = fraction_days(city({1: (0.97, 0.2)}), MONDAY, settings, ZONE, NOW, Disruption(1, ("residual",), False, "snow"))
    plan = plan_fraction(day, StraightLine(), RoadProfile(), settings, ZONE, NOW).plan
    assert plan.verdict.startswith("Disrupted day (snow): 1 truck for residual, by expected overflow; 1 truck and 1 stop, ")


def test_a_plan_of_an_earlier_release_keeps_its_sentence() -> None:
    made: dict[str, Any] = {"how": "search", "verdict": "as it was"}
    assert verdict_in_words(verdict.VerdictFigures(main=verdict_of(made)), "nl", ZONE) == "as it was"


@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_what_is_handed_out_is_told_in_both_languages(steps: int, late: bool, shadow: bool) -> None:
    draft = StateChange(plan_date=MONDAY, state=DayState.DRAFT, role="planner", at=NOW)
    changes = [draft, draft.model_copy(update={"state": DayState.RELEASED})][:steps]
    limit = datetime(2026, 11, 23, 6, 45, tzinfo=ZONE)
    now = limit if late else limit - timedelta(hours=1)
    told = [handout(changes, now, limit, MONDAY, shadow=shadow, language=language) for language in ("en", "nl")]
    assert told[0].what is told[1].what
    assert told[0].sentence != told[1].sentence
    assert all("2026-11-23" in item.sentence for item in told)
