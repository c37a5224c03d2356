"""Every rule has its sentence in both languages, from stored figures alone, and says what would have changed it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from models.domain.language import Language
from models.domain.plan import ContainerDecision, DecisionFigures, DecisionRule, Unusable
from models.domain.reason_words import reason
from tests.unit.plan.small_city import ZONE

FIGURES: dict[str, Any] = {
    "plan_date": date(2026, 11, 23), "next_chance": date(2026, 11, 24), "level_expected": 0.81, "stale_hours": 36, "required_from": 0.25,
    "cost": 4.5, "turning_probability": 0.06, "district": "Haven", "rank": 2, "ranks": 5, "bridges": ("B-7",), "extra_m": 1840,
    "left_by_crew": "parked car",
}  # fmt: skip


def decided(rule: DecisionRule, **figures: Any) -> ContainerDecision:
    collected = rule not in (DecisionRule.NO_ROOM, DecisionRule.NO_DATA, DecisionRule.NOT_WORTH_IT, DecisionRule.FORBIDDEN)
    return ContainerDecision(
        container_id="c-1", collected=collected, rule=rule, truck_id="t-1" if collected else None, level_now=0.7,
        level_observed_at=datetime(2026, 11, 22, 15, tzinfo=UTC), overflow_probability=0.12, prize=7.5, detour_m=2300, reason="",
        figures=DecisionFigures(**(FIGURES | figures)),
    )  # fmt: skip


@pytest.mark.parametrize("unusable", [None, *Unusable])
@pytest.mark.parametrize("rule", list(DecisionRule))
@pytest.mark.parametrize("language", ["en", "nl"])
def test_every_rule_has_a_sentence(rule: DecisionRule, language: Language, unusable: Unusable | None) -> None:
    text = reason(decided(rule, unusable=unusable), language, ZONE)
    assert text.endswith(".")
    assert "{" not in text
    assert "None" not in text


def test_the_dutch_sentence_has_dutch_figures() -> None:
    text = reason(decided(DecisionRule.NOT_WORTH_IT), "nl", ZONE)
    assert text == (
        "Kan wachten: 70 % vol op zo 22 nov 16:00, 81 % verwacht als er een wagen komt, 12 % kans op overlopen voor de volgende kans op di 24 nov; "
        "nu gaan is € 7,50 waard voor € 4,50. De omweg zou 2,3 km zijn. Brug B-7 is buiten gebruik: de weg erheen is 1,8 km langer. "
        "Vanaf een kans van 6 % was hij meegenomen."
    )


def test_a_decision_of_the_first_release_keeps_its_sentence() -> None:
    old = decided(DecisionRule.PRIZE).model_copy(update={"figures": None, "reason": "as it was"})
    assert reason(old, "nl", ZONE) == "as it was"
