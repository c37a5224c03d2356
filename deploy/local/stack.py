"""The local stack's API: `up`, `down`, `status`, and services added to or taken from a stack that runs.

Called by the command, the demo and the tests' fixtures. Everything a caller can mend is a `UserError` with a sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from deploy.local import kafka_server, mosquitto_server, postgres_server, prometheus_server, readiness
from deploy.local.access import ACCESS
from deploy.local.credentials import load_or_make_secrets, write_env_files
from deploy.local.kafka_jars import kafka_jars
from deploy.local.layout import RunDirectory, erase, prepare, run_directory
from deploy.local.ports import choose_ports
from deploy.local.processes import (
    Engine,
    EngineChoice,
    ProcessSpec,
    ProcessState,
    StackState,
    is_same_process,
    read_desired,
    read_state,
    write_desired,
)
from deploy.local.programs import Programs, find_programs
from models.domain.failures import UserError

SERVICES = ("mqtt-to-kafka", "store", "forecast", "plan", "api", "canary")
"""What can be supervised beside the servers: `stadspuls run NAME` each."""

SET_UP_COMMANDS: tuple[tuple[str, ...], ...] = (("migrate",), ("topics", "create"))
"""What must have run before services start."""

PORT_NAMES = ("mosquitto", "kafka", "kafka-controller", "postgres", "prometheus", "api", *(f"metrics/{name}" for name in SERVICES))

READY_SECONDS = 60.0
STOP_SECONDS = 120.0

Report = Callable[[str], None]
Result = TypeVar("Result")


class AlreadyRuns(UserError):
    """`up` was called for a run directory whose stack runs."""


def silent(_sentence: str) -> None:
    """Reports nothing."""


@dataclass(frozen=True)
class _Prepared:
    """What set-up knows of a stack before it starts."""

    run: RunDirectory
    programs: Programs
    ports: Mapping[str, int]
    passwords: Mapping[str, str]


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
    if engine == "timescale" and not programs.timescaledb_installed:
        raise UserError(
            "the TimescaleDB extension is not installed for this machine's PostgreSQL: install its package "
            "(timescaledb-2-postgresql-NN, from the vendor's repository), or use --engine plain"
        )
    run = prepare(run_dir)
    if run.data != run.root / "data":
        report(f"the servers' account cannot reach {run.root}: their data lies in {run.data}")
    with _set_up_lock(run):
        state = read_state(run.state_file)
        if state is not None and state.alive:
            raise AlreadyRuns(
                f"a stack runs already in {run.root} since {state.started_at.astimezone():%Y-%m-%d %H:%M:%S} "
                f"(supervisor pid {state.supervisor_pid}): `stadspuls status` shows it, `stadspuls down` stops it"
            )
        _stop_leftovers(run, state, report)
        try:
            prepared = _prepare_all(run, programs, report)
            specs = _server_specs(prepared, report)
            if prometheus if prometheus is not None else bool(services):
                specs += _prometheus_specs(prepared, report)
            _start(prepared, specs, engine, owner_pid, report)
            if services:
                _start_services(run, services, {}, report)
        except BaseException:
            _stop(run, silent)
            raise
        return _state(run)


def start_services(
    run_dir: Path,
    services: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    set_up: bool = True,
    report: Report = silent,
) -> StackState:
    """Adds services to a stack that runs and returns when they are ready.

    `environment` is added to each service's, e.g. another database's name. Without `set_up`, schema and topics are left
    to the caller.
    """
    check_names(services)
    run = run_directory(run_dir)
    with _set_up_lock(run):
        _state(run)
        _start_services(run, services, environment or {}, report, set_up=set_up)
        return _state(run)


def stop_services(run_dir: Path, services: Sequence[str]) -> StackState:
    """Stops services of a stack that runs, letting them drain; the rest goes on. Returns when they have ended."""
    run = run_directory(run_dir)
    with _set_up_lock(run):
        before = _state(run)
        desired = read_desired(run.desired_file)
        kept = [spec for spec in desired.specs if spec.name not in services]
        write_desired(run.desired_file, desired.engine, kept, owner_pid=desired.owner[0] if desired.owner else None)
        going = [process for process in before.processes if process.name in services]

        def gone() -> bool:
            return not {process.name for process in going} & {process.name for process in _state(run).processes}

        if not readiness.wait_until(gone, timeout_seconds=STOP_SECONDS):
            raise UserError(f"{', '.join(services)} did not stop within {STOP_SECONDS:g} s: see {run.log('supervisor')}")
        return _state(run)


def down(run_dir: Path, *, report: Report = silent) -> bool:
    """Stops everything of a run directory, also what a killed supervisor left. Returns whether anything ran."""
    run = run_directory(run_dir)
    if not run.state_file.exists():
        return False
    with _set_up_lock(run):
        return _stop(run, report)


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
    return process.alive and _answers(run, process.name, process.port, load_or_make_secrets(run.secrets_file))


def check_names(services: Sequence[str]) -> None:
    """`UserError` for a service that does not exist."""
    unknown = [name for name in services if name not in SERVICES]
    if unknown:
        raise UserError(f"there is no service {', '.join(unknown)}; the services are {', '.join(SERVICES)}")


# Set-up


def _prepare_all(run: RunDirectory, programs: Programs, report: Report) -> _Prepared:
    ports = choose_ports(run.ports_file, PORT_NAMES)
    passwords = load_or_make_secrets(run.secrets_file)
    write_env_files(run, passwords, ports, postgres_server.DATABASE)
    return _Prepared(run, programs, ports, passwords)


def _server_specs(prepared: _Prepared, report: Report) -> list[ProcessSpec]:
    """Prepares the three servers at the same time: each takes a second or two of another program's start."""
    run, ports, passwords = prepared.run, prepared.ports, prepared.passwords

    def kafka() -> ProcessSpec:
        jars = kafka_jars(report)
        return kafka_server.prepare(run, prepared.programs.java, jars, ports["kafka"], ports["kafka-controller"], passwords)

    def postgres() -> ProcessSpec:
        preload = prepared.programs.timescaledb_installed
        return postgres_server.prepare(
            run, prepared.programs.postgres_bin, ports["postgres"], passwords, preload_timescaledb=preload
        )

    def mosquitto() -> ProcessSpec:
        return mosquitto_server.prepare(run, prepared.programs.mosquitto, ports["mosquitto"], passwords)

    with _step(report, "prepared Mosquitto, Kafka and PostgreSQL"), ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(task) for task in (mosquitto, kafka, postgres)]
        return [future.result() for future in futures]


def _prometheus_specs(prepared: _Prepared, report: Report) -> list[ProcessSpec]:
    if prepared.programs.prometheus is None:
        report("Prometheus is not installed (Debian package prometheus): the services' metrics are not recorded")
        return []
    metrics_ports = {name: prepared.ports[f"metrics/{name}"] for name in SERVICES}
    return [prometheus_server.prepare(prepared.run, prepared.programs.prometheus, prepared.ports["prometheus"], metrics_ports)]


def _start(prepared: _Prepared, specs: list[ProcessSpec], engine: EngineChoice, owner_pid: int | None, report: Report) -> None:
    """Starts the supervisor with the servers, waits for them, and makes roles, database and rights."""
    run = prepared.run
    assumed: Engine = "plain" if engine == "plain" or not prepared.programs.timescaledb_installed else "timescale"
    write_desired(run.desired_file, assumed, specs, owner_pid=owner_pid)
    _start_supervisor(run)
    _wait_for(prepared.run, specs, report)
    with _step(report, "made roles, database and rights"):
        chosen = _in_thread(_set_up_servers(prepared, engine, assumed))
    if chosen != assumed:
        write_desired(run.desired_file, chosen, specs, owner_pid=owner_pid)
        readiness.wait_until(lambda: _state(run).engine == chosen, timeout_seconds=10)
    names = {"timescale": "PostgreSQL with TimescaleDB", "plain": "PostgreSQL without TimescaleDB"}
    report(f"the database is {names[chosen]}")


async def _set_up_servers(prepared: _Prepared, engine: EngineChoice, assumed: Engine) -> Engine:
    """Makes what the servers must hold. A database that exists keeps its engine; `UserError` when another is asked for."""
    port, passwords = prepared.ports["postgres"], prepared.passwords
    existing = await postgres_server.engine_of(port, passwords, postgres_server.DATABASE)
    if existing is not None and engine not in ("auto", existing):
        raise UserError(
            f"the database in {prepared.run.root} was made on the {existing} engine: use --engine {existing}, "
            "another run directory, or `stadspuls down --delete-data` first"
        )
    connection = await postgres_server.connect(port, passwords)
    try:
        await postgres_server.make_roles(connection, passwords)
    finally:
        await connection.close()
    chosen = existing or assumed
    await postgres_server.create_database(port, passwords, postgres_server.DATABASE, chosen)
    await kafka_server.grant(prepared.ports["kafka"], passwords)
    return chosen


def _start_supervisor(run: RunDirectory) -> None:
    subprocess.run([sys.executable, "-m", "deploy.local.supervisor", str(run.root)], check=True, stdin=subprocess.DEVNULL)

    def supervised() -> bool:
        state = read_state(run.state_file)
        return state is not None and state.alive

    if not readiness.wait_until(supervised, timeout_seconds=10):
        raise UserError(f"the supervisor did not start: see {run.log('supervisor')}")


def _start_services(
    run: RunDirectory, services: Sequence[str], environment: Mapping[str, str], report: Report, *, set_up: bool = True
) -> None:
    added = {"STADSPULS_RUN_DIR": str(run.root), "OMP_NUM_THREADS": "1", **environment}
    if set_up:
        for command in SET_UP_COMMANDS:
            with _step(report, f"stadspuls {' '.join(command)}"):
                _run_command(command, added)
    desired = read_desired(run.desired_file)
    ports = choose_service_ports(run)
    new = [_service_spec(run, name, ports[name], added) for name in services]
    kept = [spec for spec in desired.specs if spec.name not in services]
    write_desired(run.desired_file, desired.engine, kept + new, owner_pid=desired.owner[0] if desired.owner else None)
    _wait_for(run, new, report)


def choose_service_ports(run: RunDirectory) -> dict[str, int]:
    """The metrics port of each service, as `up` chose it."""
    ports = json.loads(run.ports_file.read_text())
    return {name: ports[f"metrics/{name}"] for name in SERVICES}


def _service_spec(run: RunDirectory, name: str, port: int, environment: Mapping[str, str]) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        role="service",
        argv=(sys.executable, "-m", "stadspuls", "run", name),
        log=str(run.log(name)),
        port=port,
        environment=dict(environment),
        working_directory=str(run.root),
        stop_seconds=30.0,
    )


def _run_command(command: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stadspuls", *command],
        env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise UserError(f"`stadspuls {' '.join(command)}` failed: {(done.stderr or done.stdout).strip()[-2000:]}")


# Waiting


def _wait_for(run: RunDirectory, specs: Sequence[ProcessSpec], report: Report) -> None:
    """Waits for all at the same time; `UserError` with the end of the log of the first that is not ready in time."""
    passwords = load_or_make_secrets(run.secrets_file)
    began = time.monotonic()

    def wait_for_one(spec: ProcessSpec) -> bool:
        answered = readiness.wait_until(
            lambda: _answers(run, spec.name, spec.port, passwords),
            timeout_seconds=READY_SECONDS,
            give_up=lambda: _keeps_dying(run, spec.name),
        )
        if answered:
            report(f"{spec.name} is ready on port {spec.port} ({time.monotonic() - began:.1f} s)")
        return answered

    with ThreadPoolExecutor(max(1, len(specs))) as pool:
        answers = list(pool.map(wait_for_one, specs))
    for spec, answered in zip(specs, answers, strict=True):
        if not answered:
            raise UserError(f"{spec.name} did not become ready; the end of its log {spec.log}:\n{log_tail(Path(spec.log))}")


def _answers(run: RunDirectory, name: str, port: int, passwords: Mapping[str, str]) -> bool:
    if name == "mosquitto":
        return readiness.mqtt_accepts(port, "operator", passwords["mqtt/operator"])
    if name == "kafka":
        return asyncio.run(readiness.kafka_answers(port, "operator", passwords["kafka/operator"]))
    if name == "postgres":
        return asyncio.run(readiness.postgres_answers(port, passwords))
    return readiness.http_answers(port, "/-/ready" if name == "prometheus" else "/metrics")


def _keeps_dying(run: RunDirectory, name: str) -> bool:
    """Whether waiting is vain: the supervisor is gone, or has started the process three times."""
    state = read_state(run.state_file)
    if state is None or not state.alive:
        return True
    return any(process.name == name and process.restarts >= 3 for process in state.processes)


def log_tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log; says so when there is none."""
    if not path.exists():
        return "(no log was written)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) or "(the log is empty)"


# Stopping


def _stop(run: RunDirectory, report: Report) -> bool:
    state = read_state(run.state_file)
    if state is None:
        return False
    if state.alive:
        with _step(report, f"stopped {len(state.processes)} processes"):
            _end([(state.supervisor_pid, state.started_at, 15)], STOP_SECONDS)
    _stop_leftovers(run, state, report)
    return True


def _stop_leftovers(run: RunDirectory, state: StackState | None, report: Report) -> None:
    """Stops what a supervisor that was killed left behind, and forgets it."""
    if state is None:
        return
    left = [process for process in state.processes if is_same_process(process.pid, process.started_at)]
    if left:
        report(f"stops what a killed supervisor left: {', '.join(process.name for process in left)}")
        signals = {spec.name: spec.stop_signal for spec in read_desired(run.desired_file).specs}
        _end([(process.pid, process.started_at, signals.get(process.name, 15)) for process in left], STOP_SECONDS)
    run.state_file.unlink(missing_ok=True)


def _end(processes: Sequence[tuple[int, Any, int]], timeout_seconds: float) -> None:
    """Signals each (pid, start time, signal) and waits; what has not ended in time is killed."""
    for pid, _, number in processes:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError as error:
            raise UserError(f"process {pid} belongs to another user: stop the stack as the user who started it") from error

    def ended() -> bool:
        return not any(is_same_process(pid, began) for pid, began, _ in processes)

    if not readiness.wait_until(ended, timeout_seconds=timeout_seconds):
        for pid, began, _ in processes:
            if is_same_process(pid, began):
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
        readiness.wait_until(ended, timeout_seconds=10)


# Small things


def _state(run: RunDirectory) -> StackState:
    state = read_state(run.state_file)
    if state is None or not state.alive:
        raise UserError(f"no stack runs in {run.root}: start one with `stadspuls up`")
    return state


@contextlib.contextmanager
def _set_up_lock(run: RunDirectory) -> Iterator[None]:
    """Held while a command changes the stack, so that two never do at once."""
    with run.set_up_lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"another stadspuls command is starting or stopping the stack in {run.root}: wait for it") from error
        yield


@contextlib.contextmanager
def _step(report: Report, done: str) -> Iterator[None]:
    """Reports a step with its duration when it is done."""
    began = time.monotonic()
    yield
    report(f"{done} ({time.monotonic() - began:.1f} s)")


def _in_thread(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine to its end, also for a caller whose own event loop is running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def accounts() -> tuple[str, ...]:
    """The names of all env files: services and the people's tools."""
    return tuple(ACCESS)
