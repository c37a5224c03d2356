"""`stadspuls up`, `down`, `status`: the local stack from a terminal."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.domain.failures import UserError

if TYPE_CHECKING:
    from deploy.local.processes import ProcessState, StackState

NOTHING_RUNS = 3
"""Exit status of `status` when nothing runs, as for any init script; 1 when something that should run does not answer."""


class Engine(StrEnum):
    """Which database engine a new stack gets."""

    AUTO = "auto"
    TIMESCALE = "timescale"
    PLAIN = "plain"


def add_verbs(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)


def up(
    services: Annotated[
        str, typer.Option(help='Services to run beside the servers: "all", "none", or names with commas, e.g. store,api')
    ] = "all",
    engine: Annotated[Engine, typer.Option(help="auto takes TimescaleDB when the machine has it")] = Engine.AUTO,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, and stop everything on Ctrl-C")] = False,
) -> None:
    """Start the servers (MQTT broker, Kafka, database) and the services on this machine, without Docker.

    Everything lives in the run directory .stadspuls (STADSPULS_RUN_DIR): data, logs, random passwords, and env files that
    the other commands read by themselves. What dies is started again. Stop it with: stadspuls down
    """
    from deploy.local import stack
    from runtime.settings import run_directory

    run_dir = run_directory()
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        state = stack.up(run_dir, services=chosen_services(services), engine=engine.value, report=_timed_printer())
        for line in summary(state, {process.name: True for process in state.processes}):
            print(line)
        if foreground:
            _stay(run_dir)
    except KeyboardInterrupt:
        print("stopping everything", flush=True)
        stack.down(run_dir, report=print)


def down(
    delete_data: Annotated[bool, typer.Option("--delete-data", help="Also delete the run directory with all its data")] = False,
) -> None:
    """Stop everything that `stadspuls up` started. Data stays for the next start."""
    from deploy.local import stack
    from runtime.settings import run_directory

    run_dir = run_directory()
    print(f"the run directory is {run_dir}")  # before anything stops: it may not be the one that was meant
    if not stack.down(run_dir, report=print):
        print(f"nothing ran in {run_dir}")
    if delete_data and run_dir.exists():
        stack.remove(run_dir)
        print(f"deleted {run_dir}")


def status() -> None:
    """Show what runs, where, since when, and which log to read. Ends with status 3 when nothing runs, 1 when something is amiss."""
    from deploy.local import stack
    from runtime.settings import run_directory

    run_dir = run_directory()
    state = stack.status(run_dir)
    if state is None:
        print(f"nothing runs in {run_dir}: start it with `stadspuls up`")
        raise typer.Exit(NOTHING_RUNS)
    answers = {process.name: stack.is_ready(run_dir, process) for process in state.processes}
    for line in summary(state, answers):
        print(line)
    if not state.alive or not all(answers.values()):
        raise typer.Exit(1)


def chosen_services(text: str) -> tuple[str, ...]:
    """The names that `--services` means; `UserError` for an unknown one."""
    from deploy.local import stack

    if text in ("all", "none"):
        return stack.SERVICES if text == "all" else ()
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    stack.check_names(names)
    return names


def summary(state: StackState, answers: dict[str, bool]) -> list[str]:
    """The lines of `status`: a head, a line per process, and what is missing or amiss."""
    from deploy.local.set_up import ENGINE_NAMES

    if state.alive:
        lines = [f"Stadspuls runs in {state.run_dir} since {_local(state.started_at)} ({ENGINE_NAMES[state.engine]})"]
    else:
        lines = [f"the supervisor of {state.run_dir} died: nothing is started again. Clean up with `stadspuls down`"]
    lines += ["", f"  {'name':<14} {'address':<22} {'since':<20} {'pid':>8} {'restarts':>8}  {'answers':<8} log"]
    lines += [_process_line(process, answers[process.name]) for process in state.processes]
    lines.append("")
    names = {process.name for process in state.processes}
    if "api" in names:
        lines.append(f"page: http://{_api_address(state)}/")
    if "prometheus" not in names and any(process.role == "service" for process in state.processes):
        lines.append("Prometheus does not run: install Debian's package `prometheus` and start anew to record metrics")
    return lines


def _process_line(process: ProcessState, answers: bool) -> str:
    since = _local(process.started_at) if process.alive else process.last_exit or "ended"
    pid = str(process.pid) if process.alive else "-"
    word = "yes" if answers else "NO"
    return f"  {process.name:<14} {f'127.0.0.1:{process.port}':<22} {since:<20} {pid:>8} {process.restarts:>8}  {word:<8} {process.log}"


def _api_address(state: StackState) -> str:
    """Where the page is: the port in the run directory's common settings, not the API's metrics port."""
    lines = (state.run_dir / "env" / "common.env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    return f"{settings['STADSPULS_API_HOST']}:{settings['STADSPULS_API_PORT']}"


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _timed_printer() -> Callable[[str], None]:
    began = datetime.now(UTC)

    def say(sentence: str) -> None:
        print(f"{(datetime.now(UTC) - began).total_seconds():6.1f} s  {sentence}", flush=True)

    return say


def _stay(run_dir: Path) -> None:
    """Returns never by itself while the stack runs; `UserError` when it was stopped by somebody else."""
    from deploy.local import stack

    print("Ctrl-C stops everything", flush=True)
    while True:
        time.sleep(1)
        state = stack.status(run_dir)
        if state is None:
            print("the stack was stopped")
            return
        if not state.alive:
            raise UserError(f"the supervisor died: see {run_dir / 'logs' / 'supervisor.log'}; clean up with `stadspuls down`")


def _as_interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
