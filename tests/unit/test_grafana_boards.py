"""The boards that Grafana provisions are those that the code describes, and their Prometheus queries name real metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from deploy.grafana.boards import BOARDS, DASHBOARDS, Board, Panel, render
from deploy.local import prometheus_server
from runtime import metrics

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
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    rules = [{"record": f"panel:{number}", "expr": panel.query} for number, panel in enumerate(PROMETHEUS_PANELS)]
    file = tmp_path / "panels.json"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    found = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
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
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    found = subprocess.run([promtool, "check", "rules", *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_forecast_alerts_fire_when_coverage_leaves_its_limits_or_a_baseline_wins(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    for name, text in prometheus_server.rule_files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def series(fraction: str, coverage: float, mine: float, usual: float, cases: int) -> list[dict[str, str]]:
        told = {
            f'stadspuls_forecast_coverage{{fraction="{fraction}",instance="a"}}': coverage,
            f'stadspuls_forecast_cases{{fraction="{fraction}",instance="a"}}': cases,
            f'stadspuls_forecast_pinball{{fraction="{fraction}",forecaster="forecaster",instance="a"}}': mine,
            f'stadspuls_forecast_pinball{{fraction="{fraction}",forecaster="usual rate",instance="a"}}': usual,
        }
        return [{"series": name, "values": f"{value}x300"} for name, value in told.items()]

    cases = [
        ("glass", 0.8, 0.03, 0.04, 900), ("paper", 0.7, 0.03, 0.04, 900), ("textile", 0.9, 0.05, 0.04, 900), ("organic", 0.2, 0.05, 0.04, 20),
    ]  # fmt: skip
    fired = {"ForecastCoverageOff": ["paper", "textile"], "ForecastBaselineWins": ["textile"]}
    query = 'count by (fraction) (ALERTS{alertname="%s",alertstate="firing"})'
    tests = {
        "rule_files": [str(path) for path in tmp_path.iterdir()],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [item for case in cases for item in series(*case)],
                "promql_expr_test": [
                    {
                        "expr": query % alert,
                        "eval_time": "2h",
                        "exp_samples": [{"labels": f'{{fraction="{fraction}"}}', "value": 1} for fraction in fractions],
                    }
                    for alert, fractions in fired.items()
                ],
            }
        ],
    }
    file = tmp_path / "tests.json"
    file.write_text(json.dumps(tests), encoding="utf-8")
    found = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_operations_alerts_fire_for_what_stands_still_and_not_for_what_works(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    for name, text in prometheus_server.rule_files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
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
    tests = {
        "rule_files": [str(path) for path in tmp_path.iterdir()],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": series, "values": values} for series, values in told.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count by (instance) (ALERTS{{alertname="{alert}",alertstate="firing"}})',
                        "eval_time": moment,
                        "exp_samples": [{"labels": '{instance="misses"}', "value": 1}],
                    }
                    for alert, moment in at.items()
                ],
            }
        ],
    }
    file = tmp_path / "tests.json"
    file.write_text(json.dumps(tests), encoding="utf-8")
    found = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def _names(item: MetricWrapperBase) -> set[str]:
    described = next(iter(item.describe()))
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(described.type, [""])
    return {described.name + ending for ending in endings}
