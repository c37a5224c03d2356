"""From sensor to plan on real servers: what the demo claims is true, its boards' queries answer, and it leaves nothing behind.

The tests run in this order; the last one ends the city.
"""

from __future__ import annotations

import json
import socket
import time
from datetime import datetime
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.grafana.boards import BOARDS, Panel
from deploy.local import stack
from runtime.postgres import connected
from runtime.settings import DatabaseSettings, load
from tests.living_city import LivingCity, processes_of

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

SQL_PANELS = [panel for board in BOARDS for panel in board.panels if panel.source == "sql"]
PROMETHEUS_PANELS = [panel for board in BOARDS for panel in board.panels if panel.source == "prometheus"]


def test_the_demo_says_in_words_what_happened(living_city: LivingCity) -> None:
    said = living_city.said()
    assert "0 are lost" in said
    assert "The simulator's own books say the same." in said
    assert "kill -9 of the service store" in said
    assert "The plan passed its independent check." in said


def test_every_container_has_a_level_a_state_and_a_forecast(living_city: LivingCity) -> None:
    with httpx.Client(base_url=living_city.page, timeout=20) as http:
        things = http.get("/v1/things", params={"thingType": "container"}).json()
        assert things["simulated"]
        assert len(things["things"]) == 40
        for thing in things["things"]:
            forecast = http.get(f"/v1/containers/{thing['thing_id']}/forecast")
            assert forecast.status_code == 200, forecast.text
            points = forecast.json()["points"]
            assert all(point["levels"] == sorted(point["levels"]) for point in points), "quantiles cross"
            horizon = datetime.fromisoformat(points[-1]["at"]) - datetime.fromisoformat(points[0]["at"])
            assert horizon.total_seconds() >= 7 * 24 * 3600
            assert forecast.json()["basis"]


def test_the_plan_has_a_reason_for_every_container(living_city: LivingCity) -> None:
    with httpx.Client(base_url=living_city.page, timeout=20) as http:
        health = http.get("/v1/health").json()
        day = http.get(f"/v1/plans/{health['plan_date']}").json()
    decisions = {item["container_id"]: item for plan in day["plans"] for item in plan["decisions"]}
    assert len(decisions) == 40
    assert all(item["reason"] for item in decisions.values())
    visited = {
        name for plan in day["plans"] for tour in plan["routes"] for visit in tour["visits"] for name in visit["container_ids"]
    }
    assert visited == {name for name, item in decisions.items() if item["collected"]}
    assert day["checked"]
    assert day["fixed_schedule"]["distance_m"] > 0


def test_the_api_follows_the_design_rules_for_errors(living_city: LivingCity) -> None:
    with httpx.Client(base_url=living_city.page, timeout=20) as http:
        wrong = http.get("/v1/plans/tomorrow")
        assert wrong.status_code == 400
        assert wrong.headers["content-type"] == "application/problem+json"
        assert wrong.headers["api-version"]
        missing = http.get("/v1/containers/no-such-container/forecast")
        assert missing.status_code == 404
        assert "no-such-container" in missing.json()["detail"]
        assert http.get("/v1/openapi.json").json()["info"]["version"] == wrong.headers["api-version"]


def test_the_canary_comes_through(living_city: LivingCity) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        health = httpx.get(f"{living_city.page}/v1/health", timeout=20).json()
        if health["state"] == "good":
            return
        time.sleep(1)
    raise AssertionError(health)


@pytest.mark.parametrize("panel", SQL_PANELS, ids=lambda panel: panel.title)
async def test_every_sql_query_of_the_boards_answers_as_the_reading_role(living_city: LivingCity, panel: Panel) -> None:
    query = panel.query.replace("$__timeFilter(", "within(")
    settings = load(DatabaseSettings, "grafana", living_city.run_dir)
    async with connected(settings, application_name="test of the boards") as connection, connection.transaction():
        # Grafana writes its macro out as a comparison; a function of the same name reads the same. It needs no right to create in public.
        rows = await connection.fetch(_written_out(query))
    # Scores come when forecasts of a night have ended, days after a city's first one.
    if panel.title != "Emptyings by day" and "forecast_score" not in query:
        assert rows, f"{panel.title} shows nothing"


def _written_out(query: str) -> str:
    import re

    return re.sub(r"within\(([^)]*)\)", r"\1 BETWEEN now() - interval '90 days' AND now() + interval '1 day'", query)


async def test_the_reading_role_cannot_write(living_city: LivingCity) -> None:
    settings = load(DatabaseSettings, "grafana", living_city.run_dir)
    async with connected(settings, application_name="test of the boards") as connection:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
            await connection.execute("DELETE FROM ledger")


@pytest.mark.parametrize("panel", PROMETHEUS_PANELS, ids=lambda panel: panel.title)
def test_every_prometheus_query_of_the_boards_answers(living_city: LivingCity, panel: Panel) -> None:
    state = stack.status(living_city.run_dir)
    assert state is not None
    names = {process.name: process for process in state.processes}
    if "prometheus" not in names:
        pytest.skip("Prometheus is not installed on this machine (Debian package prometheus)")
    address = f"http://127.0.0.1:{names['prometheus'].port}/api/v1/query"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = httpx.get(address, params={"query": panel.query}, timeout=20).json()
        if answer["status"] == "success" and answer["data"]["result"]:
            return
        time.sleep(2)
    raise AssertionError(answer)


def test_ctrl_c_ends_it_with_balanced_books_and_leaves_no_process_and_no_port(living_city: LivingCity) -> None:
    state = stack.status(living_city.run_dir)
    assert state is not None
    ports = [process.port for process in state.processes if process.port]
    status, summary = living_city.finish()
    assert status == 0, living_city.said()
    assert summary["ledger"]["lost"] == 0
    assert summary["ledger"]["imbalance"] == 0
    assert summary["ledger"]["stored"] == summary["ledger"]["expected_stored"]
    assert summary["ledger"]["dead_lettered"] == summary["ledger"]["expected_dead_lettered"]
    assert summary["fill"]["with_forecast"] == summary["fill"]["with_reading"] == 40
    assert summary["plan"]["check_passed"]
    report = (living_city.output / "demo-report.html").read_text(encoding="utf-8")
    assert report.count("data:image/png;base64,") == 2
    assert f"{summary['ledger']['stored']:,}" in report
    assert processes_of(living_city.run_dir) == []
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, f"something still listens on {port}"
    assert json.loads(Path(living_city.run_dir / "city" / "ledger.json").read_text(encoding="utf-8"))["simulated"]
