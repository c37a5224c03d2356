"""The steps of `up`: prepare the servers' files, start them under a supervisor, fill them, start services, wait for all.

`deploy.local.stack` calls these in order and holds the locks.
"""

from __future__ import annotations

import asyncio
import contextlib
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

from deploy.local import kafka_server, mosquitto_server, postgres_server, prometheus_server, readiness
from deploy.local.credentials import load_or_make_secrets, write_env_files
from deploy.local.kafka_archive import archive_file
from deploy.local.kafka_jars import kafka_jars
from deploy.local.layout import RunDirectory
from deploy.local.ports import LOOPBACK, choose_ports
from deploy.local.processes import Engine, EngineChoice, ProcessSpec, read_desired, read_state, replace_file, write_desired
from deploy.local.programs import Programs
from deploy.local.stopping import STOP_SECONDS
from models.domain.failures import UserError

SERVICES = ("mqtt-to-kafka", "store", "forecast", "plan", "maintain", "api", "canary")
"""What can be supervised beside the servers: `stadspuls run NAME` each."""

CANARY_REGISTRY = Path(__file__).parent / "canary"

SET_UP_COMMANDS: tuple[tuple[str, ...], ...] = (("migrate",), ("topics", "create"), ("registry", "import", str(CANARY_REGISTRY)))
"""What must have run before services start."""

PORT_NAMES = ("mosquitto", "kafka", "kafka-controller", "postgres", "prometheus", "api", *(f"metrics/{name}" for name in SERVICES))

ENGINE_NAMES: dict[Engine, str] = {"timescale": "PostgreSQL with TimescaleDB", "plain": "PostgreSQL without TimescaleDB"}

READY_SECONDS = 60.0

Report = Callable[[str], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Prepared:
    """What is known of a stack before it starts."""

    run: RunDirectory
    programs: Programs
    ports: Mapping[str, int]
    passwords: Mapping[str, str]


def prepare_run(run: RunDirectory, programs: Programs) -> Prepared:
    """Chooses ports, makes passwords, and writes the env files."""
    ports = choose_ports(run.ports_file, PORT_NAMES)
    passwords = load_or_make_secrets(run.secrets_file)
    write_env_files(run, passwords, ports, postgres_server.DATABASE)
    return Prepared(run, programs, ports, passwords)


def server_specs(prepared: Prepared, engine: Engine, report: Report) -> list[ProcessSpec]:
    """Prepares the three servers at the same time: each takes a second or two of another program's start."""
    run, ports, passwords, programs = prepared.run, prepared.ports, prepared.passwords, prepared.programs

    def mosquitto() -> ProcessSpec:
        return mosquitto_server.prepare(run, programs.mosquitto, ports["mosquitto"], passwords)

    def kafka() -> ProcessSpec:
        jars = kafka_jars(report)
        archive = archive_file(programs.java, jars)
        return kafka_server.prepare(
            run, programs.java, jars, ports["kafka"], ports["kafka-controller"], passwords,
            archive=archive if archive.exists() else None,
        )  # fmt: skip

    def postgres() -> ProcessSpec:
        preload = engine == "timescale"
        return postgres_server.prepare(run, programs.postgres_bin, ports["postgres"], passwords, preload_timescaledb=preload)

    with step(report, "prepared Mosquitto, Kafka and PostgreSQL"), ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(task) for task in (mosquitto, kafka, postgres)]
        return [future.result() for future in futures]


def prometheus_specs(prepared: Prepared, report: Report) -> list[ProcessSpec]:
    """Prometheus, if the machine has it; else says what is missing."""
    if prepared.programs.prometheus is None:
        report("Prometheus is not installed (Debian package prometheus): the services' metrics are not recorded")
        return []
    metrics_ports = {name: prepared.ports[f"metrics/{name}"] for name in SERVICES}
    return [prometheus_server.prepare(prepared.run, prepared.programs.prometheus, prepared.ports["prometheus"], metrics_ports)]


def choose_engine(run: RunDirectory, programs: Programs, wanted: EngineChoice) -> Engine:
    """The engine of a run directory: chosen at its first start, then kept. `UserError` when another, or a missing one, is asked for."""
    kept = run.engine_file.read_text() if run.engine_file.exists() else None
    if kept is not None and wanted not in ("auto", kept):
        raise UserError(
            f"the database in {run.root} was made on the {kept} engine: use --engine {kept}, "
            "another run directory, or `stadspuls down --delete-data` first"
        )
    needs_extension = wanted == "timescale" or kept == "timescale"
    if needs_extension and not programs.timescaledb_installed:
        raise UserError(
            "the TimescaleDB extension is not installed for this machine's PostgreSQL: install its package "
            "(timescaledb-2-postgresql-NN, from the vendor's repository), or use --engine plain with a new run directory"
        )
    chosen: Engine = (
        "timescale" if needs_extension or (wanted == "auto" and kept is None and programs.timescaledb_installed) else "plain"
    )
    replace_file(run.engine_file, chosen)
    return chosen


def start_servers(prepared: Prepared, specs: list[ProcessSpec], engine: Engine, owner_pid: int | None, report: Report) -> None:
    """Starts the supervisor with the servers, waits for them, and makes roles, database and rights."""
    run = prepared.run
    write_desired(run.desired_file, engine, specs, owner_pid=owner_pid)
    _start_supervisor(run)
    wait_for(run, specs, report)
    with step(report, f"made roles, rights and the database ({ENGINE_NAMES[engine]})"):
        in_thread(_fill_servers(prepared, engine))


async def _fill_servers(prepared: Prepared, engine: Engine) -> None:
    """Makes what the servers must hold; what is there already stays."""
    port, passwords = prepared.ports["postgres"], prepared.passwords
    connection = await postgres_server.connect(port, passwords)
    try:
        await postgres_server.make_roles(connection, passwords)
    finally:
        await connection.close()
    await postgres_server.create_database(port, passwords, postgres_server.DATABASE, engine)
    await kafka_server.grant(f"{LOOPBACK}:{prepared.ports['kafka']}", "operator", passwords["kafka/operator"])


def _start_supervisor(run: RunDirectory) -> None:
    subprocess.run([sys.executable, "-m", "deploy.local.supervisor", str(run.root)], check=True, stdin=subprocess.DEVNULL)

    def supervised() -> bool:
        state = read_state(run.state_file)
        return state is not None and state.alive

    if not readiness.wait_until(supervised, timeout_seconds=10):
        raise UserError(f"the supervisor did not start: see {run.log('supervisor')}")


def add_services(
    run: RunDirectory, services: Sequence[str], environment: Mapping[str, str], report: Report, *, set_up: bool = True
) -> None:
    """Runs the set-up commands and has the supervisor start services; returns when they are ready."""
    added = {"STADSPULS_RUN_DIR": str(run.root), "OMP_NUM_THREADS": "1", **environment}
    if set_up:
        for command in SET_UP_COMMANDS:
            with step(report, f"stadspuls {' '.join(command)}"):
                _run_command(command, added)
    desired = read_desired(run.desired_file)
    ports = json.loads(run.ports_file.read_text())
    new = [service_spec(run, name, ports[f"metrics/{name}"], added) for name in services]
    kept = [spec for spec in desired.specs if spec.name not in services]
    owner_pid = desired.owner[0] if desired.owner else None
    wait_until_followed(run, write_desired(run.desired_file, desired.engine, kept + new, owner_pid=owner_pid))
    wait_for(run, new, report)


def service_spec(run: RunDirectory, name: str, port: int, environment: Mapping[str, str]) -> ProcessSpec:
    """How the supervisor starts a service; `port` is where it shows its metrics."""
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


def wait_until_followed(run: RunDirectory, generation: int) -> None:
    """Returns when the supervisor has stopped and started what a new `desired.json` asks for; `UserError` when it does not."""

    def followed() -> bool:
        state = read_state(run.state_file)
        return state is not None and state.generation >= generation

    if not readiness.wait_until(followed, timeout_seconds=STOP_SECONDS):
        raise UserError(f"the supervisor did not follow within {STOP_SECONDS:g} s: see {run.log('supervisor')}")


def wait_for(run: RunDirectory, specs: Sequence[ProcessSpec], report: Report) -> None:
    """Waits for all at the same time; `UserError` with the end of the log of the first that is not ready in time."""
    passwords = load_or_make_secrets(run.secrets_file)
    began = time.monotonic()

    def wait_for_one(spec: ProcessSpec) -> bool:
        answered = readiness.wait_until(
            lambda: started(run, spec) and answers(spec.name, spec.port, passwords),
            timeout_seconds=READY_SECONDS,
            give_up=lambda: keeps_dying(run, spec.name),
        )
        if answered:
            report(f"{spec.name} is ready on port {spec.port} ({time.monotonic() - began:.1f} s)")
        return answered

    with ThreadPoolExecutor(max(1, len(specs))) as pool:
        found = list(pool.map(wait_for_one, specs))
    for spec, answered in zip(specs, found, strict=True):
        if not answered:
            raise UserError(f"{spec.name} did not become ready; the end of its log {spec.log}:\n{log_tail(Path(spec.log))}")


def started(run: RunDirectory, spec: ProcessSpec) -> bool:
    """Whether the supervisor has this process alive: an answer from its port could be another's."""
    state = read_state(run.state_file)
    return state is not None and any(process.name == spec.name and process.alive for process in state.processes)


def answers(name: str, port: int, passwords: Mapping[str, str]) -> bool:
    """Whether a server or service answers in its own protocol now."""
    if name == "mosquitto":
        return readiness.mqtt_accepts(port, "operator", passwords["mqtt/operator"])
    if name == "kafka":
        return in_thread(readiness.kafka_answers(port, "operator", passwords["kafka/operator"]))
    if name == "postgres":
        return in_thread(readiness.postgres_answers(port, passwords))
    return readiness.http_answers(port, "/-/ready" if name == "prometheus" else "/metrics")


def keeps_dying(run: RunDirectory, name: str) -> bool:
    """Whether waiting is vain: the supervisor is gone, or has started the process again three times."""
    state = read_state(run.state_file)
    if state is None or not state.alive:
        return True
    return any(process.name == name and process.restarts >= 3 for process in state.processes)


def log_tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log; says so when there is none."""
    if not path.exists():
        return "(no log was written)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) or "(the log is empty)"


@contextlib.contextmanager
def step(report: Report, done: str) -> Iterator[None]:
    """Reports a step with its duration when it is done."""
    began = time.monotonic()
    yield
    report(f"{done} ({time.monotonic() - began:.1f} s)")


def in_thread(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine to its end, also for a caller whose own event loop is running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
