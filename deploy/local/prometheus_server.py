"""Prometheus of the local stack, when the machine has it: scrapes the services' metrics, keeps two weeks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deploy.local.layout import RunDirectory
from deploy.local.ports import LOOPBACK
from deploy.local.processes import ProcessSpec, replace_file

SCRAPE_INTERVAL = "5s"
RETENTION = "15d"
RULES = Path(__file__).parent.parent / "prometheus"
"""Where the alert rules stand, each file a topic."""


def prepare(run: RunDirectory, program: str, port: int, metrics_ports: Mapping[str, int]) -> ProcessSpec:
    """Writes the scrape configuration; returns how to start it. `metrics_ports` maps a service to where it shows its metrics."""
    folder = run.server_folder("prometheus")
    replace_file(
        folder / "prometheus.yml",
        configuration({service: f"{LOOPBACK}:{port}" for service, port in metrics_ports.items()}),
        owner=run.account,
    )
    for name, text in rule_files().items():
        replace_file(folder / name, text, owner=run.account)
    uid, gid = run.account or (None, None)
    return ProcessSpec(
        name="prometheus",
        role="server",
        argv=(
            program,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--web.listen-address={LOOPBACK}:{port}",
            "--log.level=warn",
        ),
        log=str(run.log("prometheus")),
        port=port,
        working_directory=str(folder),
        uid=uid,
        gid=gid,
    )


def rule_files() -> dict[str, str]:
    """Name → text of the files that the configuration's `rule_files` takes in."""
    return {f"rules-{path.name}": path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*_alerts.yml"))}


def configuration(addresses: Mapping[str, str]) -> str:
    """One scrape job, a target per service, the service's name as its label."""
    targets = "".join(
        f"      - targets: ['{address}']\n        labels: {{service: '{service}'}}\n"
        for service, address in sorted(addresses.items())
    )
    head = f"global:\n  scrape_interval: {SCRAPE_INTERVAL}\nrule_files: ['rules-*.yml']\n"
    return f"{head}scrape_configs:\n  - job_name: stadspuls\n    static_configs:\n{targets}" if targets else head
