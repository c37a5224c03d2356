"""`stadspuls run SERVICE`: one service in the foreground, as the supervisor or Kubernetes starts it."""

from __future__ import annotations

from typing import Annotated

import typer


def add_verbs(app: typer.Typer) -> None:
    app.command("run")(run)


def run(service: Annotated[str, typer.Argument(help="mqtt-to-kafka, store, forecast, plan, maintain, api or canary")]) -> None:
    """Run one service until it is asked to stop (SIGTERM or Ctrl-C)."""
    from runtime.service import run_service
    from stadspuls.services import service_main

    run_service(service, service_main(service))
