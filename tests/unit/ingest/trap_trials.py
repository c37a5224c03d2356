"""Runs tests on a copy of the code with one change in it: `python -m tests.unit.ingest.trap_trials` in the copy, the trials as JSON on stdin.

A trial is `{"file", "code", "without", "test"}`; without `file` the tests, `test` or several in a list, run on the code as it is. The exit
codes of pytest come out as a JSON list. Each trial is a fork of a process that has only loaded what is not ours, so that a hundred take a
minute. No plugin of pytest's is loaded: that would take most of the time.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import annotated_types
import hypothesis
import orjson
import paho.mqtt.client
import pydantic
import pydantic_settings
import pytest

LOADED = (annotated_types, hypothesis, orjson, paho.mqtt.client, pydantic, pydantic_settings)
TESTS = Path("tests/unit/ingest")
BROKEN = 70
"""The exit code of a trial in which pytest itself broke: no test has failed there."""
OPTIONS = (
    "-q",
    "-x",
    "--tb=line",
    "-p",
    "no:cacheprovider",
    "--import-mode=importlib",
    "-W",
    "ignore::pytest.PytestUnknownMarkWarning",
)


def main() -> None:
    """Trial after trial; a file that was changed is put back."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    trials = json.loads(sys.stdin.read())
    print(json.dumps([_tried(trial) for trial in trials]))


def _tried(trial: dict[str, Any]) -> int:
    if "file" not in trial:
        return _forked(trial["test"])
    path = Path(trial["file"])
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace(trial["code"], trial["without"]), encoding="utf-8")
    try:
        return _forked(trial["test"])
    finally:
        path.write_text(before, encoding="utf-8")


def _forked(test: str | list[str]) -> int:
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)  # what pytest says is for people
        code = BROKEN
        try:
            code = int(pytest.main([*OPTIONS, *(f"{TESTS / name}" for name in ([test] if isinstance(test, str) else test))]))
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
