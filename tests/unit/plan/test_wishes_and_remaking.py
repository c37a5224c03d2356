"""A pin, a ban and a move change what was asked and nothing else, show their price first, and are made again from what was kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from models.domain.failures import UserError
from models.domain.plan import CollectionPlan, DecisionRule
from models.domain.plan_day import Wish, WishKind
from processors.plan.day import CityInputs, fraction_days
from processors.plan.inputs import kept_inputs
from processors.plan.planner import Planned, plan_fraction
from processors.plan.remaking import NotReproducible
from processors.plan.reproduction import decided, made_again
from processors.plan.wishing import Wished, wished_plan
from processors.routing.roads import RoadProfile, StraightLine
from runtime.settings import PlanSettings
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city, truck

FULL, SOON, WAITS = (0.97, 0.2), (0.78, 0.12), (0.5, 0.05)
LEVELS = {1: FULL, 2: WAITS, 3: FULL, 4: WAITS, 5: SOON, 9: WAITS}


def made(inputs: CityInputs, **settings: Any) -> tuple[Planned, dict[str, Any]]:
    """A plan, and what is kept with it as it comes back from the database."""
    chosen = PlanSettings(**({"plan_iterations": 60} | settings))
    (day,) = fraction_days(inputs, MONDAY, chosen, ZONE, NOW)
    found = plan_fraction(day, StraightLine(), RoadProfile(), chosen, ZONE, NOW)
    forecasts = [item.model_dump(mode="json") for item in inputs.forecasts.values()]
    return found, stored(found, forecasts, {"how": "solve"})


def stored(found: Planned, forecasts: list[dict[str, Any]], how: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = orjson.loads(orjson.dumps(kept_inputs(found, 1, forecasts, how)))
    return kept


def wish(kind: WishKind, number: int, truck_id: str | None = None) -> Wish:
    return Wish(plan_date=MONDAY, kind=kind, container_id=f"c-{number:04d}", truck_id=truck_id, at=NOW)


def rules(plan: CollectionPlan) -> dict[str, DecisionRule]:
    return {item.container_id: item.rule for item in plan.decisions}


def wished(found: Planned, kept: dict[str, Any], *wishes: Wish) -> Wished:
    return wished_plan(found.plan, kept, wishes)


def test_a_pin_costs_its_detour_and_changes_nothing_else() -> None:
    found, kept = made(city(LEVELS))
    would_be = next(item for item in found.plan.decisions if item.container_id == "c-0009")
    pinned = wished(found, kept, wish(WishKind.PIN, 9))
    assert pinned.price.metres == would_be.detour_m
    assert pinned.price.on == ("c-0009",)
    assert pinned.price.also == ()
    assert pinned.planned.plan.check_failures == ()
    decision = next(item for item in pinned.planned.plan.decisions if item.container_id == "c-0009")
    assert decision.rule is DecisionRule.PINNED
    assert decision.reason.startswith("A planner asked for it: 50 % full")
    assert decision.reason.endswith("Unasked it would have waited.")
    others = {key: rule for key, rule in rules(found.plan).items() if key != "c-0009"}
    assert {key: rule for key, rule in rules(pinned.planned.plan).items() if key != "c-0009"} == others
    assert "nothing else changes" in pinned.price.sentence()


def test_a_ban_saves_the_way_and_says_what_may_overflow() -> None:
    found, kept = made(city(LEVELS))
    banned = wished(found, kept, wish(WishKind.FORBID, 5))
    assert banned.price.metres < 0
    assert banned.price.off == ("c-0005",)
    assert banned.price.expected_overflows > 0.2
    assert rules(banned.planned.plan)["c-0005"] is DecisionRule.FORBIDDEN


def test_a_swap_is_a_ban_and_a_pin_at_one_price() -> None:
    found, kept = made(city(LEVELS))
    swapped = wished(found, kept, wish(WishKind.FORBID, 1), wish(WishKind.PIN, 2))
    assert (swapped.price.on, swapped.price.off) == (("c-0002",), ("c-0001",))


def test_a_container_moves_to_the_truck_that_was_asked_for() -> None:
    found, kept = made(city(LEVELS, trucks=(truck(1), truck(2))))
    (now_by,) = {item.truck_id for item in found.plan.decisions if item.container_id == "c-0005"}
    other = "truck-2" if now_by == "truck-1" else "truck-1"
    moved = wished(found, kept, wish(WishKind.PIN, 5, other))
    assert next(item.truck_id for item in moved.planned.plan.decisions if item.container_id == "c-0005") == other


def test_what_cannot_be_asked_is_a_sentence() -> None:
    found, kept = made(city(LEVELS))
    with pytest.raises(UserError, match="truck-9 does not collect residual"):
        wished(found, kept, wish(WishKind.PIN, 9, "truck-9"))
    with pytest.raises(UserError, match="c-0009 is not on the plan"):
        wished(found, kept, wish(WishKind.FORBID, 9))
    small, kept = made(city({1: FULL, 2: FULL}, trucks=(truck(capacity_l=4100, shift_end_s=27_600),)))
    (left,) = [item.container_id for item in small.plan.decisions if not item.collected]
    taken = next(item.container_id for item in small.plan.decisions if item.collected)
    with pytest.raises(UserError, match="no truck has room or time left"):
        wished(small, kept, wish(WishKind.PIN, int(left[-4:])), wish(WishKind.PIN, int(taken[-4:])))


@pytest.mark.lengthy
def test_a_plan_is_made_again_byte_for_byte_also_when_its_search_stopped_on_seconds() -> None:
    for settings in ({}, {"plan_iterations": 0, "plan_seconds": 0.4}):
        found, kept = made(city(LEVELS), **settings)
        assert decided(made_again(kept).plan) == decided(found.plan)


def test_a_changed_plan_is_made_again_too() -> None:
    found, kept = made(city(LEVELS))
    changed = wished(found, kept, wish(WishKind.PIN, 9), wish(WishKind.FORBID, 5))
    again = stored(changed.planned, kept["forecasts"], changed.made)
    assert decided(made_again(again).plan) == decided(changed.planned.plan)


LIMITED_TRUCK = {
    "width_mm": 2550, "gross_weight_kg": 19_000, "break_earliest_s": 27_000, "break_latest_s": 30_000, "break_duration_s": 900,
    "max_stops_per_shift": 5, "cost_per_day": 10.0, "disposal_sites": ("tip-1",),
}  # fmt: skip


def limited_city() -> CityInputs:
    """Windows, streets, a break and a depot's hours, all of them binding."""
    found = city(LEVELS, trucks=(truck(1, **LIMITED_TRUCK), truck(2, width_mm=2000, gross_weight_kg=7000)))
    limits: dict[str, dict[str, Any]] = {"c-0003": {"windows": ((28_800, 30_600),)}, "c-0009": {"max_truck_width_mm": 2300}}
    containers = tuple(item.model_copy(update=limits.get(item.thing_id, {})) for item in found.containers)
    depots = tuple(item.model_copy(update={"opens_s": 25_800, "closes_s": 50_000}) for item in found.depots)
    return replace(found, containers=containers, depots=depots)


def test_a_plan_with_limits_is_made_again_byte_for_byte() -> None:
    found, kept = made(limited_city())
    assert found.plan.check_failures == ()
    assert decided(made_again(kept).plan) == decided(found.plan)
    pinned = wished(found, kept, wish(WishKind.PIN, 9))
    assert next(item.truck_id for item in pinned.planned.plan.decisions if item.container_id == "c-0009") == "truck-2"
    again = stored(pinned.planned, kept["forecasts"], pinned.made)
    assert decided(made_again(again).plan) == decided(pinned.planned.plan)


def test_a_pin_with_a_truck_that_the_street_does_not_take_is_a_sentence() -> None:
    found, kept = made(limited_city())
    with pytest.raises(UserError, match="c-0009 cannot be collected: truck truck-1 is 2550 mm wide; the street takes 2300 mm"):
        wished(found, kept, wish(WishKind.PIN, 9, "truck-1"))


def test_inputs_of_a_city_without_limits_are_kept_as_the_release_before_reads_them() -> None:
    _, kept = made(city(LEVELS))
    known = {"truck_id", "depot_id", "fractions", "capacity_l", "shift_start_s", "shift_end_s", "cost_per_km", "cost_per_h"}
    assert all(set(item) == known for item in kept["fleet"])
    assert all("windows" not in item and "max_interval_days" not in item for item in kept["containers"])
    assert all(set(item) == {"depot_id", "name", "latitude", "longitude"} for item in kept["depots"])


def test_a_plan_of_the_release_before_is_made_again() -> None:
    """It kept what is not said as null."""
    found, kept = made(city(LEVELS))
    for item in kept["fleet"]:
        item["max_load_kg"] = None
    for item in kept["containers"]:
        item["decommissioned_at"] = None
    assert decided(made_again(kept).plan) == decided(found.plan)


def test_another_lock_file_makes_no_other_plan() -> None:
    _, kept = made(city(LEVELS))
    kept["versions"]["pyvrp"] = "0.13.0"
    with pytest.raises(NotReproducible, match=r"not reproducible here: the lock file changed since: pyvrp was 0.13.0 and is 0\.14"):
        made_again(kept)


def test_inputs_that_are_gone_or_were_never_kept_are_said() -> None:
    with pytest.raises(NotReproducible, match="not kept any more"):
        made_again({})
    with pytest.raises(NotReproducible, match="earlier release"):
        made_again({"settings": {}})
