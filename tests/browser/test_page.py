"""The operations page in a real browser: drawn, clicked, and looked at as a picture."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from playwright.async_api import Browser, Page

from tests.living_city import LivingCity

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]


@pytest.fixture
async def page(living_city: LivingCity, browser: Browser) -> AsyncIterator[Page]:
    """The page, loaded and drawn; any error of its scripts fails the test."""
    errors: list[str] = []
    found = await browser.new_page(viewport={"width": 1440, "height": 900})
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    await found.goto(living_city.page)
    await found.wait_for_selector("body[data-ready]", timeout=30_000)
    yield found
    assert errors == []


async def test_the_map_shows_the_city_and_says_that_it_is_simulated(page: Page) -> None:
    assert await page.is_visible("#simulated")
    assert "simulated" in await page.inner_text("#simulated")
    assert "40 of 40" in await page.inner_text("#panel-city")
    picture = await _picture(page)
    map_part = picture[60:880, 0:1030]
    # A drawn map has water, streets, tours and coloured marks; an empty one is a single colour.
    colours = {tuple(colour) for colour in (map_part[::4, ::4].reshape(-1, map_part.shape[2])[:, :3] * 15).astype(int).tolist()}
    assert len(colours) > 20
    assert _share(map_part, (195, 224, 236)) > 0.02, "no water is drawn"
    assert _share(map_part, (43, 138, 126)) > 0.0005, "no mark of a thing is drawn"


async def test_a_click_on_a_container_shows_level_fan_and_reason(page: Page) -> None:
    await page.click("#tab-plan")
    await page.click("#panel-plan .row")
    await page.wait_for_selector("#panel-container svg.chart polygon")
    text = await page.inner_text("#panel-container")
    assert "Data:" in text
    explanation = await page.locator("#panel-container .explanation").inner_text()
    assert "Last good reading" in explanation
    assert "told by" in explanation
    assert "Plan of" in text
    assert await page.locator("#panel-container .reason").inner_text()
    assert await page.locator("#panel-container svg polyline").count() >= 2


async def test_the_plan_is_compared_with_the_fixed_schedule_and_can_be_searched(page: Page) -> None:
    await page.click("#tab-plan")
    text = await page.inner_text("#panel-plan")
    assert "fixed schedule" in text
    assert "km" in text
    before = await page.locator("#panel-plan .row").count()
    name = await page.locator("#panel-plan .row").first.get_attribute("data-thing")
    await page.fill("#search", str(name))
    assert await page.locator("#panel-plan .row").count() < before


async def _picture(page: Page) -> Any:
    return matplotlib.image.imread(io.BytesIO(await page.screenshot()), format="png")


def _share(picture: Any, colour: tuple[int, int, int]) -> float:
    """Share of pixels within a small distance of a colour."""
    distance = np.abs(picture[:, :, :3] * 255 - np.array(colour)).max(axis=2)
    return float((distance < 12).mean())
