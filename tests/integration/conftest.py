"""Services run on a migrated database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from deploy.local.processes import Engine, StackState
from runtime.settings import DatabaseSettings
from tests.databases import Templates, copied


@pytest.fixture
async def database(servers: StackState, templates: Templates, engine: Engine) -> AsyncIterator[DatabaseSettings]:
    """A fresh, migrated database on `engine`, as the migrator sees it; takes the place of the empty one."""
    async with copied(servers, engine, await templates.migrated(engine)) as settings:
        yield settings
