"""What the supervisor is told to run, and what it says is running: the two files of a run directory as types.

`up` writes `desired.json` (a list of `ProcessSpec`), the supervisor writes `state.json` (a `StackState`). Both are replaced
whole, so a reader never sees half a file.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil

Engine = Literal["timescale", "plain"]
EngineChoice = Literal["auto", "timescale", "plain"]
Role = Literal["server", "service"]

SAME_START_SECONDS = 2.0
"""Two start times closer than this, of the same pid, are one process: pids are used again, but not that quickly."""


@dataclass(frozen=True)
class ProcessSpec:
    """One process that should run.

    `environment` is added to the supervisor's own for a service; a server sees nothing else. `port` is where it answers.
    """

    name: str
    role: Role
    argv: tuple[str, ...]
    log: str
    port: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    working_directory: str = "/"
    uid: int | None = None
    gid: int | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 20.0


@dataclass(frozen=True)
class ProcessState:
    """One supervised process as the supervisor saw it last; `alive` is looked up again by `status`."""

    name: str
    role: Role
    pid: int
    port: int
    started_at: datetime
    restarts: int
    log: Path
    alive: bool
    last_exit: str = ""


@dataclass(frozen=True)
class StackState:
    """A running (or dead) stack: its supervisor and its processes."""

    run_dir: Path
    supervisor_pid: int
    started_at: datetime
    engine: Engine
    generation: int
    """The `desired.json` that the supervisor has followed."""
    processes: list[ProcessState]

    def process(self, name: str) -> ProcessState:
        """The process of that name; `KeyError` when the stack has none."""
        for process in self.processes:
            if process.name == name:
                return process
        raise KeyError(name)

    @property
    def alive(self) -> bool:
        """Whether its supervisor lives: without it nothing is started again."""
        return is_same_process(self.supervisor_pid, self.started_at)


def is_same_process(pid: int, started_at: datetime) -> bool:
    """Whether `pid` is alive (a zombie is not) and is the process that started then, not a later one with its number."""
    if pid <= 0:
        return False
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started_at.timestamp()) < SAME_START_SECONDS
    except psutil.NoSuchProcess:
        return False


def started_at(pid: int) -> datetime:
    """When the process of that number started; now, when it has ended already."""
    try:
        return datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
    except psutil.NoSuchProcess:
        return datetime.now(UTC)


def write_desired(path: Path, engine: Engine, specs: list[ProcessSpec], *, owner_pid: int | None) -> int:
    """Replaces the list of what should run; returns its generation. With `owner_pid` the stack stops when that process ends."""
    owner = None if owner_pid is None else {"pid": owner_pid, "started_at": started_at(owner_pid).isoformat()}
    generation = time.time_ns()
    content = {"generation": generation, "engine": engine, "owner": owner, "processes": [asdict(spec) for spec in specs]}
    replace_file(path, json.dumps(content, indent=1))
    return generation


@dataclass(frozen=True)
class Desired:
    """The content of `desired.json`."""

    generation: int
    engine: Engine
    owner: tuple[int, datetime] | None
    specs: list[ProcessSpec]


def read_desired(path: Path) -> Desired:
    """What should run, as `up` wrote it last."""
    content = json.loads(path.read_text())
    owner = content["owner"]
    return Desired(
        generation=content["generation"],
        engine=content["engine"],
        owner=None if owner is None else (owner["pid"], datetime.fromisoformat(owner["started_at"])),
        specs=[ProcessSpec(**{**item, "argv": tuple(item["argv"])}) for item in content["processes"]],
    )


def write_state(path: Path, state: StackState) -> None:
    """Replaces `state.json`."""
    content: dict[str, Any] = asdict(state)
    content["run_dir"] = str(state.run_dir)
    content["started_at"] = state.started_at.isoformat()
    for item, process in zip(content["processes"], state.processes, strict=True):
        item["started_at"] = process.started_at.isoformat()
        item["log"] = str(process.log)
    replace_file(path, json.dumps(content, indent=1))


def read_state(path: Path) -> StackState | None:
    """The state as written last, each process's `alive` looked up now; None when there is no file."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    processes = []
    for item in content["processes"]:
        recorded = ProcessState(**{**item, "started_at": datetime.fromisoformat(item["started_at"]), "log": Path(item["log"])})
        processes.append(replace(recorded, alive=is_same_process(recorded.pid, recorded.started_at)))
    return StackState(
        run_dir=Path(content["run_dir"]),
        supervisor_pid=content["supervisor_pid"],
        started_at=datetime.fromisoformat(content["started_at"]),
        engine=content["engine"],
        generation=content["generation"],
        processes=processes,
    )


def replace_file(path: Path, text: str, *, mode: int = 0o600, owner: tuple[int, int] | None = None) -> None:
    """Writes a file whole or not at all; its owner and mode are right before it has its name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        if owner is not None:
            os.fchown(descriptor, *owner)
        file.write(text)
    temporary.replace(path)
