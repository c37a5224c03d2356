"""Kills a service the hard way, as a power cut would, and waits until its supervisor has it back."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from deploy.local import stack
from models.domain.failures import StadspulsError


def kill_and_wait(run_dir: Path, service: str, timeout_seconds: float = 60.0) -> float:
    """`kill -9`s the service; returns the seconds until another process of it answers."""
    state = stack.status(run_dir)
    if state is None:
        raise StadspulsError("the stack is gone while the demo runs")
    victim = state.process(service).pid
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    while time.monotonic() - began < timeout_seconds:
        time.sleep(0.2)
        state = stack.status(run_dir)
        if state is None:
            continue
        process = state.process(service)
        if process.pid != victim and stack.is_ready(run_dir, process):
            return time.monotonic() - began
    raise StadspulsError(f"{service} did not come back within {timeout_seconds:g} s after kill -9: see {run_dir}/logs")
