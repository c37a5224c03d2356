"""Shadow mode's books and how districts stand come back as they were written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from models.domain.district_standing import HeldBy, HeldDistrict, Standing
from models.domain.plan import SHADOW
from models.domain.shadow import DayFigures, DistrictDay, DrivenBy, ShadowVisit
from storage.district_standings import OverflowWindow, save_standings, standings
from storage.outbox import unsent_messages
from storage.plans import has_plans, newest_plan_date, plans_of, save_plan, shadow_plans_of
from storage.shadow import district_days, newest_scoring, replace_shadow_visits, save_district_days, shadow_visits
from tests.contract.test_storage_decisions import INPUTS, _plan

pytestmark = pytest.mark.servers

DAY = date(2026, 3, 2)
AT = datetime(2026, 3, 3, 4, tzinfo=UTC)
WINDOW = OverflowWindow(last_days=7, least_baseline_days=7)


def scored(ago: int, hours_each: float, driven_by: DrivenBy = "fixed_schedule") -> DistrictDay:
    figures = DayFigures(
        emptyings=4, levels_known=3, fill_at_emptying=0.61, overflow_hours=20 * hours_each, distance_m=9100, duration_s=3500
    )
    return DistrictDay(
        plan_date=DAY - timedelta(days=ago), district="Haven", driven_by=driven_by, containers=22, counted=20, driven=figures,
        scored_at=AT,
    )  # fmt: skip


async def test_a_score_comes_back_and_is_replaced_when_a_day_is_scored_again(storage: asyncpg.Connection) -> None:
    plain, other = scored(1, 0.5), scored(2, 0.5)
    both = other.model_copy(update={"shadow": other.driven.model_copy(update={"fill_at_emptying": None, "distance_m": 0})})
    await save_district_days(storage, [plain, both])
    assert await district_days(storage, DAY - timedelta(days=2), DAY) == [both, plain]
    assert await newest_scoring(storage) == AT
    again = plain.model_copy(update={"counted": 22, "shadow": plain.driven})
    await save_district_days(storage, [again])
    assert await district_days(storage, DAY - timedelta(days=1), DAY) == [again]


async def test_shadow_visits_of_a_day_are_replaced_for_the_containers_planned_anew(storage: asyncpg.Connection) -> None:
    def visits(*names: str, collected: bool) -> list[ShadowVisit]:
        return [ShadowVisit(plan_date=DAY, container_id=name, collected_at=AT if collected else None) for name in names]

    await replace_shadow_visits(storage, DAY, ["c-1", "c-2"], visits("c-1", "c-2", collected=True), AT)
    await replace_shadow_visits(storage, DAY, ["c-2"], visits("c-2", collected=False), AT)
    assert await shadow_visits(storage, DAY, DAY) == {"c-1": visits("c-1", collected=True), "c-2": visits("c-2", collected=False)}
    assert await shadow_visits(storage, DAY + timedelta(days=1), DAY + timedelta(days=9)) == {}


async def test_a_shadow_plan_is_nobodys_to_drive(storage: asyncpg.Connection) -> None:
    plan = _plan(day=DAY).model_copy(update={"district": SHADOW})
    assert await save_plan(storage, plan, INPUTS) == 1
    assert await plans_of(storage, DAY) == []
    assert not await has_plans(storage, DAY)
    assert await newest_plan_date(storage) is None
    assert await unsent_messages(storage, "plans") == []
    assert await shadow_plans_of(storage, DAY) == [plan.model_copy(update={"revision": 1})]


async def test_overflow_under_plans_stands_beside_that_of_the_fixed_route(storage: asyncpg.Connection) -> None:
    await save_district_days(storage, [scored(ago, 0.5) for ago in range(10, 17)])
    await save_district_days(storage, [scored(ago, 1.25, "plan") for ago in (1, 2)])
    (few,) = await standings(storage, DAY, ["Haven"], [], WINDOW)
    assert few.overflow_by_plan_h is None, "two days under plans say nothing"
    await save_district_days(storage, [scored(3, 1.25, "plan"), scored(4, 0.25)])
    (found,) = await standings(storage, DAY, ["Haven"], ["Haven"], WINDOW)
    assert found == Standing(
        district="Haven", shadow=True, overflow_by_plan_h=1.25, overflow_lately_h=1.0, overflow_baseline_h=0.46875
    )


async def test_a_fall_back_is_remembered_and_its_days_are_no_baseline(storage: asyncpg.Connection) -> None:
    standing = Standing(district="Haven", containers=10, without_data=6)
    held = {"Haven": HeldDistrict(district="Haven", by=HeldBy.DATA, since=DAY, standing=standing)}
    await save_district_days(storage, [scored(ago, 0.5) for ago in range(-7, 8)])
    for ahead in range(8):
        await save_standings(storage, DAY + timedelta(days=ahead), [standing], held, AT)
    (later,) = await standings(storage, DAY + timedelta(days=8), ["Haven"], [], WINDOW)
    assert (later.since, later.cause) == (DAY, HeldBy.DATA)
    assert later.overflow_baseline_h == 0.5
    await storage.execute("DELETE FROM district_day WHERE plan_date < $1", DAY)
    (without,) = await standings(storage, DAY + timedelta(days=8), ["Haven"], [], WINDOW)
    assert without.overflow_baseline_h is None
    await save_standings(storage, DAY + timedelta(days=8), [standing], {}, AT)
    (back,) = await standings(storage, DAY + timedelta(days=9), ["Haven"], [], WINDOW)
    assert back.since is None
