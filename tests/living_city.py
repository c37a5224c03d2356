"""A small simulated city that lives on real servers, started by the demo as a user would: for end-to-end and browser tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

START_SECONDS = 420


@dataclass(frozen=True)
class LivingCity:
    """Where the demo of this test run is to be found."""

    run_dir: Path
    output: Path
    page: str
    process: subprocess.Popen[bytes]

    def said(self) -> str:
        """What the demo printed so far."""
        return (self.output / "demo.txt").read_text(encoding="utf-8")

    def finish(self) -> tuple[int, dict[str, Any]]:
        """Ctrl-C; returns the status with which the demo ends and its summary."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=180)
        return status, json.loads((self.output / "demo-summary.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def living_city() -> Iterator[LivingCity]:
    """Starts the demo and waits until its city lives. It ends with the test run, or earlier by `finish`."""
    folder = Path(tempfile.mkdtemp(prefix="stadspuls-city-"))
    environment = {**os.environ, "STADSPULS_RUN_DIR": str(folder / "run"), "OMP_NUM_THREADS": "1"}
    with (folder / "demo.txt").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "stadspuls", "demo", "--small", "--output", str(folder)],
            stdout=said, stderr=subprocess.STDOUT, env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield LivingCity(folder / "run", folder, _page(process, folder / "demo.txt"), process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=180)


def _page(process: subprocess.Popen[bytes], said: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        text = said.read_text(encoding="utf-8")
        if "The city lives on" in text:
            return text.split("Look at it: ")[1].split()[0]
        if process.poll() is not None:
            break
        time.sleep(0.5)
    raise AssertionError(f"the demo did not bring a city to life (status {process.poll()}):\n{said.read_text(encoding='utf-8')}")


def processes_of(run_dir: Path) -> list[str]:
    """Command lines of processes that still belong to a run directory."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = " ".join(process.info["cmdline"] or [])
        if str(run_dir) in words or (process.info["environ"] or {}).get("STADSPULS_RUN_DIR") == str(run_dir):
            found.append(words)
    return found
