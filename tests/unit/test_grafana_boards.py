"""The boards that Grafana provisions are those that the code describes, and their Prometheus queries name real metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from deploy.grafana.boards import BOARDS, DASHBOARDS, Board, Panel, render
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


def _names(item: MetricWrapperBase) -> set[str]:
    described = next(iter(item.describe()))
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(described.type, [""])
    return {described.name + ending for ending in endings}
