"""The local stack's API: `up`, `down`, `status`, and services added to or taken from a stack that runs.

Called by the command, the demo and the tests' fixtures. Everything a caller can mend is a `UserError` with a sentence.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from deploy.local import set_up
from deploy.local.credentials import load_or_make_secrets
from deploy.local.layout import RunDirectory, erase, prepare, run_directory
from deploy.local.processes import EngineChoice, ProcessState, StackState, read_desired, read_state, write_desired
from deploy.local.programs import find_programs
from deploy.local.set_up import SERVICES, step
from deploy.local.stopping import stop_leftovers, stop_stack
from models.domain.failures import UserError

__all__ = ["SERVICES", "AlreadyRuns", "down", "is_ready", "remove", "start_services", "status", "stop_services", "up"]

Report = Callable[[str], None]


class AlreadyRuns(UserError):
    """`up` was called for a run directory whose stack runs."""


def silent(_sentence: str) -> None:
    """Reports nothing."""


def up(
    run_dir: Path,
    *,
    services: Sequence[str] = (),
    engine: EngineChoice = "auto",
    prometheus: bool | None = None,
    owner_pid: int | None = None,
    report: Report = silent,
) -> StackState:
    """Sets up what is missing, starts the servers and then `services`; returns when all are ready.

    `prometheus` defaults to: when services run and the machine has it. With `owner_pid` the stack stops when that process ends.
    Raises `AlreadyRuns`, or `UserError` for anything else a person must mend; then, and on Ctrl-C, nothing is left running.
    """
    check_names(services)
    programs = find_programs()
    run = prepare(run_dir)
    if run.data != run.root / "data":
        report(f"the servers' account cannot reach {run.root}: their data lies in {run.data}")
    with _changing(run):
        state = read_state(run.state_file)
        if state is not None and state.alive:
            raise AlreadyRuns(
                f"a stack runs already in {run.root} since {state.started_at.astimezone():%Y-%m-%d %H:%M:%S} "
                f"(supervisor pid {state.supervisor_pid}): `stadspuls status` shows it, `stadspuls down` stops it"
            )
        stop_leftovers(run, state, report)
        chosen = set_up.choose_engine(run, programs, engine)
        try:
            prepared = set_up.prepare_run(run, programs)
            specs = set_up.server_specs(prepared, chosen, report)
            if prometheus if prometheus is not None else bool(services):
                specs += set_up.prometheus_specs(prepared, report)
            set_up.start_servers(prepared, specs, chosen, owner_pid, report)
            if services:
                set_up.add_services(run, services, {}, report)
        except BaseException:
            stop_stack(run, silent)
            raise
        return running(run)


def start_services(
    run_dir: Path,
    services: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    set_up_first: bool = True,
    report: Report = silent,
) -> StackState:
    """Adds services to a stack that runs and returns when they are ready; one that runs with other values is started anew.

    `environment` is added to each service's, e.g. another database's name. Without `set_up_first`, schema and topics are left
    to the caller.
    """
    check_names(services)
    run = run_directory(run_dir)
    running(run)
    with _changing(run):
        set_up.add_services(run, services, environment or {}, report, set_up=set_up_first)
        return running(run)


def stop_services(run_dir: Path, services: Sequence[str]) -> StackState:
    """Stops services of a stack that runs, letting them drain; the rest goes on. Returns when they have ended."""
    run = run_directory(run_dir)
    running(run)
    with _changing(run):
        desired = read_desired(run.desired_file)
        kept = [spec for spec in desired.specs if spec.name not in services]
        owner_pid = desired.owner[0] if desired.owner else None
        set_up.wait_until_followed(run, write_desired(run.desired_file, desired.engine, kept, owner_pid=owner_pid))
        return running(run)


def down(run_dir: Path, *, report: Report = silent) -> bool:
    """Stops everything of a run directory, also what a killed supervisor left. Returns whether anything ran."""
    run = run_directory(run_dir)
    state = read_state(run.state_file)
    if state is None:
        return False
    with _changing(run), step(report, f"stopped {len(state.processes)} processes of {run.root}"):
        return stop_stack(run, report)


def remove(run_dir: Path, *, report: Report = silent) -> None:
    """Stops the stack and deletes its run directory with all data."""
    down(run_dir, report=report)
    if run_dir.exists():
        erase(run_directory(run_dir))


def status(run_dir: Path) -> StackState | None:
    """What runs, looked up now; None when nothing was started or all was stopped. Its `alive` tells whether it is supervised."""
    return read_state(run_directory(run_dir).state_file)


def is_ready(run_dir: Path, process: ProcessState) -> bool:
    """Whether a process answers in its own protocol now."""
    run = run_directory(run_dir)
    return process.alive and set_up.answers(process.name, process.port, load_or_make_secrets(run.secrets_file))


def check_names(services: Sequence[str]) -> None:
    """`UserError` for a service that does not exist."""
    unknown = [name for name in services if name not in SERVICES]
    if unknown:
        raise UserError(f"there is no service {', '.join(unknown)}; the services are {', '.join(SERVICES)}")


def running(run: RunDirectory) -> StackState:
    """The state of a stack that runs; `UserError` when none does."""
    state = read_state(run.state_file)
    if state is None or not state.alive:
        raise UserError(f"no stack runs in {run.root}: start one with `stadspuls up`")
    return state


@contextlib.contextmanager
def _changing(run: RunDirectory) -> Iterator[None]:
    """Held while a command changes the stack, so that two never do at once."""
    with run.set_up_lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"another stadspuls command is starting or stopping the stack in {run.root}: wait for it") from error
        yield
