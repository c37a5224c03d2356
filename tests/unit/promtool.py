"""Asks Prometheus' own promtool which of the alert rules fire for made-up series."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local import prometheus_server


@dataclass(frozen=True, slots=True)
class Firing:
    """At a moment (like "2h", from the beginning of the series) an alert fires for these values of the labels `by`, and for no others."""

    alert: str
    at: str
    by: tuple[str, ...]
    of: Sequence[tuple[str, ...]] = ()


def assert_firing(folder: Path, series: Mapping[str, str], expected: Sequence[Firing]) -> None:
    """`series` maps names with labels to values a minute apart, in promtool's short form ("0x5 1x20"). Skips without promtool."""
    for name, text in prometheus_server.rule_files().items():
        (folder / name).write_text(text, encoding="utf-8")
    file = folder / "tests.json"
    tests = {
        "rule_files": sorted(prometheus_server.rule_files()),
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [_asked(item) for item in expected],
            }
        ],
    }
    file.write_text(json.dumps(tests), encoding="utf-8")
    found = run_promtool("test", "rules", str(file))
    assert found.returncode == 0, found.stdout + found.stderr


def run_promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(
            "promtool is not installed (Debian package prometheus)"
        )  # `make check` installs none; `make test` does, or ends
    return subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)


def _asked(item: Firing) -> dict[str, object]:
    samples = []
    for values in item.of:
        labels = ",".join(f'{name}="{value}"' for name, value in zip(item.by, values, strict=True) if value)
        samples.append({"labels": f"{{{labels}}}", "value": 1})
    query = f'count by ({",".join(item.by)}) (ALERTS{{alertname="{item.alert}",alertstate="firing"}})'
    return {"expr": query, "eval_time": item.at, "exp_samples": samples}
