"""The real servers for tests that need them, and a fresh database per test on each engine.

`servers` starts Mosquitto, Kafka and PostgreSQL once per run, in a run directory that goes away with it; the servers stop even
if pytest is killed. `engine` makes a test run once per database engine, `database` gives it an empty database there.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local import programs, stack
from deploy.local.processes import Engine, StackState
from runtime.settings import ENVIRONMENT_PREFIX, DatabaseSettings
from tests.databases import Templates, copied
from tests.living_city import living_city
from tests.planners_day import planners_city, planners_day

__all__ = ["living_city", "planners_city", "planners_day"]

ENGINES: tuple[Engine, ...] = ("timescale", "plain")

# Recorded data of others, outside the repository. The variable stays: each worker reads it.
SHARED_DATA = Path(os.environ.get("STADSPULS_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))

# A developer's own settings must not reach into the tests.
for name in [name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX) and name != "STADSPULS_SHARED_DATA"]:
    del os.environ[name]


@pytest.fixture(scope="session")
def servers() -> Iterator[StackState]:
    """The three servers, started once; `servers.run_dir` is what `load(SomeSettings, service, run_dir)` takes."""
    folder = Path(tempfile.mkdtemp(prefix="stadspuls-tests-"))
    said: list[str] = []
    try:
        yield stack.up(folder, owner_pid=os.getpid(), report=said.append)
    finally:
        stack.remove(folder)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded data of others (STADSPULS_SHARED_DATA, else ../shared/data); skips, saying so, where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no recorded data of others in {SHARED_DATA}: set STADSPULS_SHARED_DATA")  # not ours to pass on
    return SHARED_DATA


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each database engine in turn; timescale is skipped, and said to be, on a machine without the extension."""
    chosen: Engine = request.param
    postgres_bin = programs.find_postgres()
    if chosen == "timescale" and (postgres_bin is None or not programs.timescaledb_installed(postgres_bin)):
        pytest.skip("the TimescaleDB extension is not installed for this machine's PostgreSQL")  # its packages are not Debian's
    return chosen


@pytest.fixture(scope="session")
async def templates(servers: StackState) -> AsyncIterator[Templates]:
    """The databases that tests get copies of, each made the first time it is asked for."""
    made = Templates(servers)
    yield made
    await made.drop()


@pytest.fixture
async def empty_database(servers: StackState, templates: Templates, engine: Engine) -> AsyncIterator[DatabaseSettings]:
    """A fresh, empty database on `engine`, as the migrator sees it. For another role, copy `database_name` into its settings."""
    async with copied(servers, engine, await templates.empty(engine)) as settings:
        yield settings


@pytest.fixture
def database(empty_database: DatabaseSettings) -> DatabaseSettings:
    """The same; below `tests/integration` it is migrated."""
    return empty_database


def pytest_itemcollected(item: pytest.Item) -> None:
    """Says what one worker runs together: the tests of a file, and all that look at the living city."""
    group = "living-city" if "living_city" in getattr(item, "fixturenames", ()) else item.path.stem
    item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notes the engine of each test for the summary, marks whatever needs the servers, and puts the living city last, so that it
    does not live beside all the others."""
    items.sort(key=lambda item: "living_city" in getattr(item, "fixturenames", ()))
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and callspec.params.get("engine") in ENGINES:
            item.user_properties.append(("engine", callspec.params["engine"]))
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.servers)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuses to run where pytest-xdist does not keep the groups together: each worker would start a city of its own."""
    if getattr(session.config.option, "loadgroup", False) and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError(
            "this pytest-xdist does not group tests on this pytest: install the versions of requirements-dev.lock"
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says on which database engines the suite ran."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for key, value in getattr(report, "user_properties", []):
                if key == "engine":
                    counts[value, outcome] += 1
    for name in ENGINES:
        found = [f"{number} {outcome}" for (engine_name, outcome), number in counts.items() if engine_name == name]
        if found:
            terminalreporter.write_line(f"database engine {name}: {', '.join(found)}")
