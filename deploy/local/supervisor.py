"""The supervisor: one detached process per run directory that starts what `desired.json` lists and starts it again when it dies.

Run as `python -m deploy.local.supervisor RUN_DIR`, which returns when the supervisor is on its own. It holds a lock on the
run directory while it lives, follows changes of `desired.json`, writes `state.json` after every change, and on SIGTERM stops
services first, then servers. Its children are told to stop by the kernel if it is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.layout import RunDirectory, run_directory
from deploy.local.processes import (
    Desired,
    ProcessSpec,
    ProcessState,
    StackState,
    is_same_process,
    read_desired,
    started_at,
    write_state,
)

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A process that ran this long has recovered: its next death is its first."""
TICK_SECONDS = 0.1
ROTATE_LOG_BYTES = 50_000_000

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def restart_delay(deaths_in_a_row: int) -> float:
    """Seconds to wait before a process is started again: 0.5, 1, 2, … up to 30."""
    return float(min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** min(deaths_in_a_row - 1, 16)))


@dataclass
class Child:
    """One process that should run, and its present incarnation."""

    spec: ProcessSpec
    process: subprocess.Popen[bytes] | None = None
    pid: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_monotonic: float = 0.0
    restarts: int = 0
    deaths_in_a_row: int = 0
    start_again_at: float = 0.0
    last_exit: str = ""

    def start(self) -> None:
        """Starts the process. A program that cannot be started counts as one that died."""
        self.started_monotonic = time.monotonic()
        try:
            self.process = _spawn(self.spec)
        except OSError as error:
            self._died(f"could not be started: {error}")
            return
        self.pid = self.process.pid
        self.started_at = started_at(self.pid)

    def look(self) -> bool:
        """Notices a death and starts what is due; returns whether anything changed."""
        if self.process is not None:
            status = self.process.poll()
            if status is None:
                return False
            self.process = None
            self._died(exit_sentence(status))
            _say(f"{self.spec.name} (pid {self.pid}) {self.last_exit}; starts again in {restart_delay(self.deaths_in_a_row):g} s")
            return True
        if time.monotonic() >= self.start_again_at:
            self.restarts += 1
            self.start()
            return True
        return False

    def _died(self, how: str) -> None:
        if time.monotonic() - self.started_monotonic >= STEADY_SECONDS:
            self.deaths_in_a_row = 0
        self.deaths_in_a_row += 1
        self.last_exit = how
        self.start_again_at = time.monotonic() + restart_delay(self.deaths_in_a_row)

    def state(self) -> ProcessState:
        return ProcessState(
            name=self.spec.name,
            role=self.spec.role,
            pid=self.pid,
            port=self.spec.port,
            started_at=self.started_at,
            restarts=self.restarts,
            log=Path(self.spec.log),
            alive=self.process is not None,
            last_exit=self.last_exit,
        )


def exit_sentence(status: int) -> str:
    """How a process ended, in words."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-status).name}"
        return f"was ended by signal {-status}"
    return f"ended with status {status}"


class Supervisor:
    """The loop. `run` returns when it was asked to stop, or its owner ended, and every child has ended."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._children: dict[str, Child] = {}
        self._started_at = started_at(os.getpid())
        self._desired: Desired = read_desired(run.desired_file)
        self._desired_seen = 0
        self._stop = False

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        while not self._stop and self._owner_lives():
            changed = self._follow_desired()
            for child in self._children.values():
                changed |= child.look()
            if changed:
                self._write_state()
            time.sleep(TICK_SECONDS)
        self._stop_all()
        self._run.state_file.unlink(missing_ok=True)

    def _asked_to_stop(self, number: int, _frame: object) -> None:
        self._stop = True

    def _owner_lives(self) -> bool:
        return self._desired.owner is None or is_same_process(*self._desired.owner)

    def _follow_desired(self) -> bool:
        seen = self._run.desired_file.stat().st_mtime_ns
        if seen == self._desired_seen:
            return False
        self._desired_seen = seen
        self._desired = read_desired(self._run.desired_file)
        wanted = {spec.name: spec for spec in self._desired.specs}
        gone = [child for name, child in self._children.items() if wanted.get(name) != child.spec]
        stop_children(gone)
        for child in gone:
            del self._children[child.spec.name]
        for name, spec in wanted.items():
            if name not in self._children:
                self._children[name] = Child(spec)
                self._children[name].start()
        self._write_state()
        return True

    def _write_state(self) -> None:
        states = [child.state() for child in self._children.values()]
        desired = self._desired
        write_state(
            self._run.state_file,
            StackState(self._run.root, os.getpid(), self._started_at, desired.engine, desired.generation, states),
        )

    def _stop_all(self) -> None:
        """Services drain while the servers still answer; then the servers stop."""
        for role in ("service", "server"):
            stop_children([child for child in self._children.values() if child.spec.role == role])


def stop_children(children: Iterable[Child]) -> None:
    """Asks all to stop at once, waits as long as each may take, and kills what does not."""
    running = [child for child in children if child.process is not None]
    for child in running:
        _signal(child, child.spec.stop_signal)
    deadline = time.monotonic() + max((child.spec.stop_seconds for child in running), default=0.0)
    for child in running:
        assert child.process is not None
        try:
            child.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _say(f"{child.spec.name} (pid {child.pid}) did not stop within {child.spec.stop_seconds:g} s and is killed")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.process.wait()
        child.process = None


def _signal(child: Child, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, number)


def _spawn(spec: ProcessSpec) -> subprocess.Popen[bytes]:
    """Starts a process in a group of its own, under its account, that the kernel stops when this supervisor dies."""
    supervisor = os.getpid()

    def die_with_supervisor() -> None:  # runs in the child after it changed its user, which would clear the setting
        _libc.prctl(_PR_SET_PDEATHSIG, spec.stop_signal, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)

    environment = {**_inherited(spec), **spec.environment}
    log = Path(spec.log)
    if log.exists() and log.stat().st_size > ROTATE_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        log.chmod(0o600)
        return subprocess.Popen(
            spec.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=spec.working_directory, env=environment,
            start_new_session=True, user=spec.uid, group=spec.gid, extra_groups=None if spec.uid is None else [], umask=0o077,
            preexec_fn=die_with_supervisor,  # safe here: this process has one thread
        )  # fmt: skip


def _inherited(spec: ProcessSpec) -> dict[str, str]:
    """A service sees the environment of `stadspuls up`; a server sees nothing of it."""
    return dict(os.environ) if spec.role == "service" else {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def _say(sentence: str) -> None:
    print(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {sentence}", flush=True)


def _on_its_own(run: RunDirectory, main: Callable[[], None]) -> None:
    """Leaves the caller: a new session, no terminal, output to the supervisor's log. The first process returns at once."""
    if os.fork():
        return
    os.setsid()
    os.chdir("/")
    descriptor = os.open(run.log("supervisor"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (descriptor, 1), (descriptor, 2)):
        os.dup2(source, target)
    main()


def main() -> None:
    """Starts the supervisor of the run directory named on the command line, unless one runs there."""
    run = run_directory(Path(sys.argv[1]))

    def supervise() -> None:
        with run.supervisor_lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say("another supervisor holds this run directory")
                sys.exit(3)
            _say(f"supervises {run.root}")
            Supervisor(run).run()
            _say("stopped")

    _on_its_own(run, supervise)


if __name__ == "__main__":
    main()
