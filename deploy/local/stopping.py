"""Ends the processes of a run directory: through its supervisor, and what a killed supervisor left behind."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from datetime import datetime

import psutil

from deploy.local.layout import RunDirectory
from deploy.local.processes import StackState, is_same_process, read_desired, read_state
from deploy.local.readiness import wait_until
from models.domain.failures import UserError

STOP_SECONDS = 120.0
"""Longer than the slowest services and servers may take after each other."""


def stop_stack(run: RunDirectory, report: Callable[[str], None]) -> bool:
    """Stops everything of a run directory; returns whether anything was there to stop."""
    state = read_state(run.state_file)
    if state is None:
        return False
    if state.alive:
        _end([(state.supervisor_pid, state.started_at, signal.SIGTERM)], STOP_SECONDS)
    stop_leftovers(run, state, report)
    return True


def stop_leftovers(run: RunDirectory, state: StackState | None, report: Callable[[str], None]) -> None:
    """Stops what a killed supervisor left behind, and forgets it. Another process that got an old pid is left alone."""
    if state is None:
        return
    left = [process for process in state.processes if is_same_process(process.pid, process.started_at)]
    if left:
        report(f"stops what a killed supervisor left: {', '.join(process.name for process in left)}")
        signals = {spec.name: spec.stop_signal for spec in read_desired(run.desired_file).specs}
        _end([(process.pid, process.started_at, signals.get(process.name, signal.SIGTERM)) for process in left], STOP_SECONDS)
    run.state_file.unlink(missing_ok=True)


def _end(processes: Sequence[tuple[int, datetime, int]], timeout_seconds: float) -> None:
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

    if not wait_until(ended, timeout_seconds=timeout_seconds):
        for pid, began, _ in processes:
            if is_same_process(pid, began):
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
        wait_until(ended, timeout_seconds=10)
