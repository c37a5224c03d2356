"""The boards that Grafana provisions are those that the code describes, and their Prometheus queries name real metrics."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from deploy.grafana.boards import BOARDS, DASHBOARDS, Board, Panel, render
from deploy.local import prometheus_server
from runtime import metrics
from tests.unit.promtool import Firing, assert_firing, run_promtool

PROMETHEUS_PANELS = [panel for board in BOARDS for panel in board.panels if panel.source == "prometheus"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_rendered_board_is_up_to_date(board: Board) -> None:
    written = (DASHBOARDS / f"{board.uid}.json").read_text(encoding="utf-8")
    assert written == render(board), "run: .venv/bin/python -m deploy.grafana.boards"
    assert json.loads(written)["panels"], "a board without panels shows nothing"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_panels_do_not_overlap(board: Board) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(render(board))["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("panel", PROMETHEUS_PANELS, ids=lambda panel: panel.title)
def test_prometheus_queries_name_metrics_that_exist(panel: Panel) -> None:
    known = {sample for item in vars(metrics).values() if isinstance(item, MetricWrapperBase) for sample in _names(item)}
    used = set(re.findall(r"stadspuls_\w+", panel.query))
    assert used
    assert used <= known


def test_prometheus_queries_parse(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": panel.query} for number, panel in enumerate(PROMETHEUS_PANELS)]
    file = tmp_path / "panels.json"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    found = run_promtool("check", "rules", str(file))
    assert found.returncode == 0, found.stdout + found.stderr


def test_alert_rules_name_metrics_that_exist_and_are_parsed(tmp_path: Path) -> None:
    files = prometheus_server.rule_files()
    known = {sample for item in vars(metrics).values() if isinstance(item, MetricWrapperBase) for sample in _names(item)}
    for name, text in files.items():
        rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        for rule in rules:
            used = set(re.findall(r"stadspuls_\w+", rule["expr"]))
            assert used, rule["alert"]
            assert used <= known, rule["alert"]
            assert {"summary", "description"} <= set(rule["annotations"])
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = run_promtool("check", "rules", *map(str, tmp_path.iterdir()))
    assert found.returncode == 0, found.stdout + found.stderr


def test_operations_alerts_fire_for_what_stands_still_and_not_for_what_works(tmp_path: Path) -> None:
    told = {
        'stadspuls_accounting_imbalance{ledger="readings",instance="works"}': "0x30",
        'stadspuls_accounting_imbalance{ledger="readings",instance="misses"}': "-3x30",
        'stadspuls_canary_sent_total{instance="works"}': "0+12x30",
        'stadspuls_canary_seen_total{instance="works"}': "0+12x30",
        'stadspuls_canary_sent_total{instance="misses"}': "0+12x30",
        'stadspuls_canary_seen_total{instance="misses"}': "5x30",
        'stadspuls_mqtt_broker_dropped{instance="works"}': "7x30",
        'stadspuls_mqtt_broker_dropped{instance="misses"}': "7+1x30",
        'stadspuls_database_jobs_failed{instance="works"}': "0x150",
        'stadspuls_database_jobs_failed{instance="misses"}': "30x150",
        'stadspuls_plan_draft_missing{instance="works"}': "0x30",
        'stadspuls_plan_draft_missing{instance="misses"}': "1x30",
        'stadspuls_plan_districts_fallen_back{instance="works"}': "0x30",
        'stadspuls_plan_districts_fallen_back{instance="misses"}': "2x30",
    }
    at = {
        "AccountingImbalance": "20m",
        "CanaryMissing": "20m",
        "BrokerDropped": "20m",
        "DatabaseJobsFail": "2h",
        "DraftPlanMissing": "20m",
        "DistrictFallenBack": "20m",
    }
    assert_firing(tmp_path, told, [Firing(alert, moment, ("instance",), [("misses",)]) for alert, moment in at.items()])


def _names(item: MetricWrapperBase) -> set[str]:
    described = next(iter(item.describe()))
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(described.type, [""])
    return {described.name + ending for ending in endings}
