"""The crew's page in a real browser on a phone's screen: next stop, words without reception that arrive later, another order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page

from api.crew_links import crew_token
from api.service import serve
from models.domain.plan_day import DayEvent, DayEventKind
from models.domain.shadow import DayFigures, DistrictDay
from storage.crew_reports import reports_of
from storage.forecasts import current_forecasts, replace_current_forecasts
from storage.plan_days import append_event
from storage.plans import plans_of
from storage.shadow import save_district_days
from tests.planners_day import KEY, MONDAY, PLANNER, Day, at

# The pages are the same on both engines.
pytestmark = [
    pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.parametrize("engine", ["plain"], indirect=True)
]  # fmt: skip

DOUBTFUL = ("c-0003", "c-0007")


class Served:
    """The API of the day over HTTP, as a service worker needs it; stopped, it is out of a phone's reach. (A browser's own offline
    mode does not reach what passes a service worker.)"""

    def __init__(self, application: FastAPI) -> None:
        self._application = application
        self._port = 0

    @property
    def address(self) -> str:
        """The same after every start."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        # Listens before uvicorn runs: who calls meanwhile waits for it.
        listening = socket.create_server(("127.0.0.1", self._port))
        self._port = listening.getsockname()[1]
        self._stop = asyncio.Event()
        config = uvicorn.Config(self._application, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
        self._serving = asyncio.create_task(serve(uvicorn.Server(config), self._stop, [listening]))

    async def stop(self) -> None:
        self._stop.set()
        await self._serving


@pytest.fixture
async def served(planners_day: Day) -> AsyncIterator[Served]:
    found = Served(planners_day.application)
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[tuple[BrowserContext, Page]]:
    errors: list[str] = []
    context = await browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True)
    page = await context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield context, page
    assert errors == []


async def test_words_said_without_reception_arrive_later_and_once(
    planners_day: Day, served: Served, phone: tuple[BrowserContext, Page], tmp_path: Path
) -> None:
    _, page = phone
    day = planners_day
    await day.service.make_missing()
    await day.post(f"plans/{MONDAY}/release")
    day.be(at(9))
    async with day.pool.acquire() as connection:
        plan = max(await plans_of(connection, MONDAY), key=lambda item: item.stop_count)
    route = max(plan.routes, key=lambda item: len(item.visits))
    stops = [visit.place_id for visit in route.visits if visit.kind == "stop"]
    await page.clock.set_fixed_time(at(9))
    await page.goto(f"{served.address}/crew/#{crew_token(KEY, MONDAY, route.truck_id)}")
    await page.wait_for_selector("article")
    assert stops[0] in await page.inner_text("article")
    assert "released and handed out" in await page.inner_text("#handout")
    assert (await page.get_attribute("article a.button", "href") or "").startswith("geo:")
    await page.evaluate("navigator.serviceWorker.ready")
    await page.screenshot(path=str(tmp_path / "crew.png"))

    await served.stop()
    await page.click("[data-say=done]")
    assert stops[1] in await page.inner_text("article")
    await page.click("[data-say=blocked]")
    await page.click("#ask-yes")
    await page.reload()
    await page.wait_for_selector("article")
    assert stops[2] in await page.inner_text("article"), "what was said is kept over a reload without reception"
    assert "2 not sent yet" in await page.inner_text("#sending")
    await page.screenshot(path=str(tmp_path / "crew-offline.png"))
    async with day.pool.acquire() as connection:
        assert await reports_of(connection, MONDAY) == []

    await served.start()
    await page.wait_for_selector("#sending:text-is('all sent')", timeout=40_000)
    await page.locator("[data-first]").last.click()
    await page.click("#ask-yes")
    await page.wait_for_selector(f"article[data-container='{stops[-1]}']")
    await page.wait_for_selector("#sending:text-is('all sent')", timeout=40_000)
    async with day.pool.acquire() as connection:
        words = {(item.report.word.value, item.report.container_id) for item in await reports_of(connection, MONDAY)}
    # The page's clock stands still, so the words have no order among them.
    assert words == {("blocked", stops[1]), ("done", stops[0]), ("reordered", None)}


async def test_a_planner_looks_at_the_day_and_releases_it(
    planners_day: Day, served: Served, phone: tuple[BrowserContext, Page], tmp_path: Path
) -> None:
    _, page = phone
    await doubt_some(planners_day)
    await planners_day.service.make_missing()
    planners_day.be(at(6))
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(f"{served.address}/?panel=day")
    await page.wait_for_selector("body[data-ready]")
    panel = page.locator("#panel-day")
    await panel.locator("text=What differs").wait_for()
    assert "waits for its release" in await page.inner_text("#handout")
    text = await panel.inner_text()
    assert f"Rests on doubtful data: {len(DOUBTFUL)}" in text
    assert all(name in text for name in DOUBTFUL)
    assert "Trucks that are missing: " in text
    assert "out: gearbox" in text
    await page.fill("#planner-token", PLANNER["authorization"].removeprefix("Bearer "))
    await panel.locator("#sign-in button").click()
    await panel.locator("text=Release the plan").click()
    await page.wait_for_selector("#handout.plan")
    assert "released and handed out" in await panel.inner_text()
    await page.screenshot(path=str(tmp_path / "day.png"))
    await page.set_extra_http_headers({"authorization": PLANNER["authorization"]})
    async with planners_day.pool.acquire() as connection:
        truck = (await plans_of(connection, MONDAY))[0].routes[0].truck_id
    await page.goto(f"{served.address}/v1/plans/{MONDAY}/tours/{truck}/sheet/html")
    assert await page.locator("figure svg.segno").count() == 1
    assert "released and handed out" in await page.inner_text("header")
    await page.screenshot(path=str(tmp_path / "sheet.png"))


async def doubt_some(day: Day) -> None:
    """Two containers' data are doubtful, and a truck is out."""
    async with day.pool.acquire() as connection:
        current = {item.container_id: item for item in await current_forecasts(connection)}
        doubtful = [current[name].model_copy(update={"cutoff": at(4, 1), "data_grade": "doubtful"}) for name in DOUBTFUL]
        await replace_current_forecasts(connection, doubtful)
        truck = await connection.fetchval("SELECT truck_id FROM fixed_collection WHERE 0 = ANY (weekdays) ORDER BY 1 LIMIT 1")
        gone = DayEvent(plan_date=MONDAY, kind=DayEventKind.TRUCK_OUT, subject=truck, at=at(4), note="gearbox")
        await append_event(connection, gone)


async def test_the_page_says_that_the_city_is_in_shadow_mode_and_what_plans_would_have_come_to(
    planners_day: Day, phone: tuple[BrowserContext, Page], tmp_path: Path
) -> None:
    _, page = phone
    day = Day(planners_day.pool, planners_day.clock, plan_shadow=True, plan_shadow_districts="")
    await day.service.make_missing()
    async with day.pool.acquire() as connection:
        await save_district_days(connection, [weeks_of_scores(ago) for ago in range(1, 29)])
    served = Served(day.application)
    await served.start()
    try:
        await page.set_viewport_size({"width": 1440, "height": 900})
        await page.goto(f"{served.address}/?panel=day")
        await page.wait_for_selector("body[data-ready]")
        panel = page.locator("#panel-day")
        await panel.locator("text=Shadow mode: plans beside the fixed routes").wait_for()
        assert "Shadow mode: the fixed schedule is handed out" in await page.inner_text("#handout")
        assert "28 days, 4 whole weeks" in await panel.inner_text()
        assert "not proven" in await panel.locator("tr", has_text="overflow container-hours").inner_text()
        assert "not proven" not in await panel.locator("tr", has_text="distance (km)").inner_text()
        await page.screenshot(path=str(tmp_path / "shadow.png"))
    finally:
        await served.stop()


def weeks_of_scores(ago: int) -> DistrictDay:
    """Every week some kilometres less under shadow plans, and overflow now and then."""
    fixed = DayFigures(emptyings=9, levels_known=9, fill_at_emptying=0.55, overflow_hours=1.0, distance_m=41_000, duration_s=21_000)
    plan = fixed.model_copy(
        update={"emptyings": 6, "fill_at_emptying": 0.74, "overflow_hours": ago // 7 % 2 * 2.5, "distance_m": 31_000 + ago * 100}
    )
    return DistrictDay(
        plan_date=MONDAY - timedelta(days=ago), district="Haven", driven_by="fixed_schedule", containers=30, counted=29, driven=fixed,
        shadow=plan, scored_at=at(5),
    )  # fmt: skip
