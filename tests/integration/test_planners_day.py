"""A planner's day on a real database, both engines: draft, price, release, breakdown, the crew's words, close; and the day on which nobody
releases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.crew_links import crew_token
from models.domain.failures import TransientError, UserError
from models.domain.plan_day import DayState, StateChange
from models.domain.reason_words import reason
from models.sensor_kinds.bridge_state import BRIDGE_STATE
from processors.plan.reproduction import decided, made_again
from storage.outbox import unsent_messages
from storage.plan_days import append_state, state_changes
from storage.plans import plan_inputs, plan_request, plans_of, request_plan
from storage.readings import append_readings
from storage.registry import map_features
from tests.contract.sample_readings import stored
from tests.planners_day import KEY, MONDAY, PLANNER, ZONE, Day, at

pytestmark = pytest.mark.slow


@pytest.fixture
def day(planners_day: Day) -> Day:
    return planners_day


async def test_a_planners_day_from_draft_to_close(day: Day) -> None:
    # 04:05: the draft, and nothing to alert on at 05:15
    await day.service.make_missing()
    async with day.pool.acquire() as connection:
        plans = await plans_of(connection, MONDAY)
        (draft,) = await state_changes(connection, MONDAY)
    assert (draft.state, draft.role) == (DayState.DRAFT, "planner service")
    day.be(at(5, 15))
    assert not await day.service.alert_on_missing_draft()
    assert (await day.get(f"plans/{MONDAY}/day"))["handed_out"] == "nothing_yet"

    told = {language: (await day.get(f"plans/{MONDAY}?language={language}"))["plans"][0] for language in ("en", "nl")}
    assert told["en"]["verdict"].startswith("The ")
    assert told["nl"]["verdict"].startswith("Het ")
    assert told["en"]["decisions"][0]["reason"] != told["nl"]["decisions"][0]["reason"]

    # 06:00: one container is pinned; its price is shown before it is saved
    day.be(at(6))
    plan = max(plans, key=lambda item: item.stop_count)
    off = next(item for item in plan.decisions if not item.collected)
    wish = {"wishes": [{"kind": "pin", "container_id": off.container_id}]}
    priced = await day.asked(f"plans/{MONDAY}/wishes", wish)
    assert priced["state"] == "done", priced
    assert priced["answer"]["on"] == [off.container_id]
    assert priced["answer"]["saved_as_revision"] is None
    assert not (await day.decisions(plan.fraction))[off.container_id].collected
    saved = await day.asked(f"plans/{MONDAY}/wishes", wish | {"save": True})
    assert saved["answer"] | {"saved_as_revision": None} == priced["answer"]
    assert saved["revision"] == plan.revision + 1
    assert (await day.decisions(plan.fraction))[off.container_id].rule == "pinned"
    (kept,) = (await day.get(f"plans/{MONDAY}/day"))["wishes"]
    assert kept["price_m"] == priced["answer"]["distance_m"]

    # 06:30: released, with role and time
    day.be(at(6, 30))
    released = await day.post(f"plans/{MONDAY}/release")
    assert (released["state"], released["handed_out"]) == ("released", "plan")
    assert released["changes"][-1]["role"] == "planner"
    assert datetime.fromisoformat(released["changes"][-1]["at"]) == at(6, 30)
    assert released["changes"][-1]["revisions"][f"*/{plan.fraction}"] == plan.revision + 1
    await day.service.make_missing()
    assert (await day.decisions(plan.fraction))[off.container_id].rule == "pinned", "a released day is not planned anew"

    # through the day the crew says what it did, some of it twice, as a phone without reception does
    truck = plan.routes[0].truck_id
    crew = {"authorization": f"Bearer {crew_token(KEY, MONDAY, truck)}"}
    day.be(at(9))
    tour = await day.get("crew/tour", **crew)
    stops = [halt for halt in tour["halts"] if halt["kind"] == "stop"]
    assert tour["handed_out"] == "plan"
    assert all(halt["reason"] for halt in stops)
    words = [said("done", stops[0]["place_id"]), said("blocked", stops[1]["place_id"], reason="parked car")]
    assert (await day.post("crew/reports", {"reports": words}, headers=crew))["new"] == 2
    assert (await day.post("crew/reports", {"reports": words}, headers=crew))["new"] == 0
    again = await day.get("crew/tour", **crew)
    assert [halt["word"] for halt in again["halts"] if halt["kind"] == "stop"][:2] == ["done", "blocked"]

    # 10:00: a truck breaks down; the rest is planned anew, and handed out when it is released again
    day.be(at(10))
    async with day.pool.acquire() as connection:
        (handed,) = [item for item in await plans_of(connection, MONDAY) if item.fraction == plan.fraction]
    out = handed.routes[-1].truck_id
    answer = await day.asked(f"plans/{MONDAY}/events", {"kind": "truck_out", "subject": out, "note": "gearbox"})
    assert answer["state"] == "done", answer
    told = answer["answer"][f"*/{plan.fraction}"]
    assert told["sentence"].startswith(f"Planned anew at 10:00: {out} is out (gearbox).")
    async with day.pool.acquire() as connection:
        (renewed,) = [item for item in await plans_of(connection, MONDAY) if item.fraction == plan.fraction]
        kept_inputs = await plan_inputs(connection, MONDAY, "*", plan.fraction, renewed.revision)
    assert renewed.revision == handed.revision + 1 == told["revision"]
    assert renewed.check_failures == ()
    broken = [visit for route in renewed.routes if route.truck_id == out for visit in route.visits]
    assert all(visit.arrival_s <= 10 * 3600 for visit in broken), "a truck that is out does nothing more"
    spoke = next(item for item in renewed.routes if item.truck_id == truck)
    assert next(visit.place_id for visit in spoke.visits if visit.kind == "stop") == stops[0]["place_id"], "done stands first"
    assert all(visit.place_id != stops[1]["place_id"] for route in renewed.routes for visit in route.visits), (
        "blocked is out of the day"
    )
    assert "parked car" in next(item.reason for item in renewed.decisions if item.container_id == stops[1]["place_id"])
    assert f"the crews' words of {truck}" in renewed.verdict
    for route in handed.routes:
        if route.truck_id == truck:
            continue
        begun = [visit.place_id for visit in route.visits if visit.arrival_s < 10 * 3600]
        after = next((item for item in renewed.routes if item.truck_id == route.truck_id), None)
        assert after is None if not begun else after is not None
        if after is not None:
            assert [visit.place_id for visit in after.visits][: len(begun)] == begun, "what is driven stays"
    assert decided(made_again(kept_inputs).plan) == decided(renewed)
    assert (await day.get(f"plans/{MONDAY}/day"))["changes"][-1]["revisions"][f"*/{plan.fraction}"] == handed.revision
    again = await day.post(f"plans/{MONDAY}/release")
    assert again["changes"][-1]["revisions"][f"*/{plan.fraction}"] == renewed.revision
    changed = (await day.get("crew/tour", **crew))["changed_this_week"]
    planned = {
        visit.place_id
        for route in handed.routes
        if route.truck_id == truck
        for visit in route.visits
        if visit.arrival_s <= 10 * 3600
    }
    assert changed >= 1
    assert changed <= len(planned) + 2
    view = await day.get(f"plans/{MONDAY}/first-view")
    assert {"truck_id": out, "why": "out: gearbox"} in view["missing_trucks"]

    # the trucks come back, the day is closed with what was said
    day.be(at(16))
    await day.post(f"plans/{MONDAY}/drive")
    closed = await day.post(f"plans/{MONDAY}/close")
    assert [item["state"] for item in closed["changes"]] == ["draft", "released", "released", "driven", "closed"]
    assert "1 of " in closed["changes"][-1]["note"]
    assert " 1 blocked" in closed["changes"][-1]["note"]
    refused = await day.post("crew/reports", {"reports": [said("done", stops[2]["place_id"])]}, 410, headers=crew)
    assert "is closed" in refused["detail"]


def said(word: str, container_id: str, **more: Any) -> dict[str, Any]:
    return {"report_id": str(uuid4()), "word": word, "container_id": container_id, "said_at": at(8).isoformat(), **more}


async def test_the_day_on_which_nobody_releases(day: Day) -> None:
    await day.service.make_missing()
    day.be(at(6, 44))
    assert (await day.get(f"plans/{MONDAY}/day"))["handed_out"] == "nothing_yet"
    day.be(at(6, 45))
    view = await day.get(f"plans/{MONDAY}/day")
    assert view["handed_out"] == "fixed_schedule"
    assert view["sentence"] == f"The fixed schedule is handed out for {MONDAY}: no plan was released in time."
    async with day.pool.acquire() as connection:
        plans = await plans_of(connection, MONDAY)
    (fixed, *_) = [route for plan in plans for route in plan.fixed_routes]
    crew = {"authorization": f"Bearer {crew_token(KEY, MONDAY, fixed.truck_id)}"}
    tour = await day.get("crew/tour", **crew)
    assert tour["sentence"] == view["sentence"]
    assert [halt["place_id"] for halt in tour["halts"]] == [visit.place_id for visit in fixed.visits]
    sheet = await day.http.get(f"/v1/plans/{MONDAY}/tours/{fixed.truck_id}/sheet/html", headers=PLANNER)
    gpx = await day.http.get(f"/v1/plans/{MONDAY}/tours/{fixed.truck_id}/gpx")
    assert view["sentence"] in sheet.text
    assert view["sentence"] in gpx.text
    refused = await day.post(f"plans/{MONDAY}/release", None, 409)
    assert "--late" in refused["detail"]
    late = await day.post(f"plans/{MONDAY}/release", {"late": True})
    assert late["handed_out"] == "plan"
    assert "released late" in late["changes"][-1]["note"]


async def test_a_missing_draft_is_an_alert_once_and_the_fixed_schedule_still_goes_out(day: Day) -> None:
    day.be(at(5, 14))
    assert not await day.service.alert_on_missing_draft()
    day.be(at(5, 15))
    assert await day.service.alert_on_missing_draft()
    assert not await day.service.alert_on_missing_draft()
    async with day.pool.acquire() as connection:
        (alert,) = await unsent_messages(connection, "alerts")
        truck = await connection.fetchval("SELECT truck_id FROM fixed_collection WHERE 0 = ANY (weekdays) ORDER BY 1 LIMIT 1")
    assert "no draft plan" in alert.payload["sentence"]
    day.be(at(7))
    tour = await day.get("crew/tour", authorization=f"Bearer {crew_token(KEY, MONDAY, truck)}")
    assert tour["handed_out"] == "fixed_schedule"
    assert [halt for halt in tour["halts"] if halt["kind"] == "stop"]
    assert all(halt["planned_s"] is None for halt in tour["halts"])
    assert tour["sentence"].endswith("there is no plan.")


async def test_writing_needs_the_planners_token_and_links_open_their_own_day_only(day: Day) -> None:
    for path in ("release", "drive", "close", "wishes", "events"):
        assert (await day.http.post(f"/v1/plans/{MONDAY}/{path}", json={})).status_code == 401
    wrong = {"authorization": "Bearer the planner's tokem"}
    assert (await day.http.post(f"/v1/plans/{MONDAY}/release", headers=wrong)).status_code == 401
    for token, status in (
        (crew_token(KEY, MONDAY - timedelta(days=1), "T-1"), 410),
        (crew_token(KEY, MONDAY + timedelta(days=1), "T-1"), 401),
        (crew_token("another key", MONDAY, "T-1"), 401),
        ("nonsense", 401),
    ):
        assert (await day.http.get("/v1/crew/tour", headers={"authorization": f"Bearer {token}"})).status_code == status


async def test_steps_of_a_day_come_in_order(day: Day) -> None:
    async with day.pool.acquire() as connection:
        with pytest.raises(UserError, match="has no plan yet and cannot become released"):
            await append_state(connection, StateChange(plan_date=MONDAY, state=DayState.RELEASED, role="planner", at=at(6)))
    await day.service.make_missing()
    assert "cannot become closed" in (await day.post(f"plans/{MONDAY}/close", None, 409))["detail"]
    assert (await day.get(f"plans/{MONDAY}/first-view"))["doubtful"] == []


async def crossed_bridges(day: Day) -> dict[str, int]:
    """Bridges that the newest plans' tours drive over, with how many tours."""
    async with day.pool.acquire() as connection:
        streets = await map_features(connection, "street")
        plans = await plans_of(connection, MONDAY)
    crossed: dict[str, int] = {}
    for street in streets:
        bridge = street.properties.get("bridge_id")
        points = {(round(point[1], 6), round(point[0], 6)) for point in street.coordinates}
        over = sum(points <= set(route.path) for plan in plans for route in plan.routes)
        if bridge and over:
            crossed[str(bridge)] = over
    return crossed


async def test_a_bridge_out_of_service_changes_the_route_and_the_reason_says_so(day: Day) -> None:
    await day.service.make_missing()
    crossed = await crossed_bridges(day)
    assert crossed, "no tour of the city drives over a bridge"
    bridge = max(crossed, key=lambda name: (crossed[name], name))
    async with day.pool.acquire() as connection:
        before = await plans_of(connection, MONDAY)
        # an opening for a ship on all other bridges, an hour of a closed road on this one
        for name in {*crossed, bridge}:
            minutes = range(60) if name == bridge else range(54, 59)
            closed = [stored(m, kind=BRIDGE_STATE, thing_id=name, name="state", start=at(3, 5), road_closed=True) for m in minutes]
            passable = stored(60, kind=BRIDGE_STATE, thing_id=name, name="state", start=at(3, 5), road_closed=False)
            await append_readings(connection, BRIDGE_STATE, closed if name == bridge else [*closed, passable])
    await day.planner.make(MONDAY)
    assert bridge not in await crossed_bridges(day)
    async with day.pool.acquire() as connection:
        after = await plans_of(connection, MONDAY)
        kept = await plan_inputs(connection, MONDAY, "*", after[0].fraction, after[0].revision)
    assert {route.path for plan in after for route in plan.routes} != {route.path for plan in before for route in plan.routes}
    assert all(plan.check_failures == () for plan in after)
    assert any(f"Out of service: {bridge}; with the way open these tours would be" in plan.verdict for plan in after)
    told = [item for plan in after for item in plan.decisions if item.figures and item.figures.extra_m > 0]
    assert told
    assert f"Bridge {bridge} is out of service: the way there is {told[0].figures.extra_m / 1000:.1f} km longer." in told[0].reason  # type: ignore[union-attr]
    assert f"Brug {bridge} is buiten gebruik" in reason(told[0], "nl", ZONE)
    assert decided(made_again(kept).plan) == decided(after[0])


async def test_without_its_road_server_the_planner_waits_or_says_what_it_drives_on(planners_day: Day) -> None:
    nobody_listens = "http://127.0.0.1:9"
    waiting = Day(planners_day.pool, planners_day.clock, plan_roads=nobody_listens)
    with pytest.raises(TransientError, match=r"the OSRM server at http://127.0.0.1:9 does not answer"):
        await waiting.service.make_missing()
    async with waiting.pool.acquire() as connection:
        asked = await request_plan(connection, MONDAY, fraction="glass", asked_by="planner")
    await waiting.service.answer_requests()
    async with waiting.pool.acquire() as connection:
        answered = await plan_request(connection, asked)
        assert await plans_of(connection, MONDAY) == []
    assert answered is not None
    assert "does not answer" in str(answered.failure)
    own_map = Day(planners_day.pool, planners_day.clock, plan_roads=nobody_listens, plan_roads_away="streets")
    await own_map.planner.make(MONDAY, ["glass"])
    shown = await own_map.get(f"plans/{MONDAY}")
    assert shown["matrix_source"].startswith(
        "the city's street graph (made up), as the OSRM server at http://127.0.0.1:9 does not answer"
    )
