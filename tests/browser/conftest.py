"""Chromium for the tests that look at pages."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, which `make test` installs."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "chromium is not installed (Debian package chromium): make setup-test"
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        yield found
        await found.close()
