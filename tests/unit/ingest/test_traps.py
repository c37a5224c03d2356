"""Each trap that docs/formats.md names has a test, and the test fails without the code that minds the trap."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from ingest.codecs import CODECS
from ingest.envelopes import ENVELOPES
from ingest.traps import PAYLOAD_TRAPS, TIME_TRAPS
from stadspuls.formats_docs import FORMATS
from tests.unit.ingest.trap_table import TRAPS, Trap

ROOT = Path(__file__).parents[3]
TESTS = Path("tests/unit/ingest")
COPIED = ("ingest", "models", "runtime", "simulators", "storage", str(TESTS))
PASSED, FAILED = 0, 1


def sentences() -> dict[str, tuple[str, ...]]:
    """Form → its traps, as the page lists them."""
    named = {item.name: item.traps for item in ENVELOPES} | {item.name: item.traps for item in CODECS}
    return {"time": TIME_TRAPS, "payload": PAYLOAD_TRAPS, **named}


def test_table_and_page_name_the_same_traps() -> None:
    page = [line.removeprefix("* ") for line in FORMATS.read_text(encoding="utf-8").splitlines() if line.startswith("* ")]
    for form, listed in sentences().items():
        for sentence in listed:
            assert sentence in page
            minding = [trap for trap in TRAPS if trap.form == form and sentence.startswith(trap.sentence)]
            assert minding, f"no row of the table is about the trap of {form}: {sentence}"
    for trap in TRAPS:
        meant = [sentence for sentence in sentences().get(trap.form, ()) if sentence.startswith(trap.sentence)]
        assert len(meant) == 1, f"the page's traps of {trap.form} have {len(meant)} sentences that begin with {trap.sentence!r}"


def test_the_code_that_minds_a_trap_stands_where_the_table_says() -> None:
    moved_on = [
        f"{trap.file}: {trap.code}" for trap in TRAPS if (ROOT / trap.file).read_text(encoding="utf-8").count(trap.code) != 1
    ]
    assert moved_on == [], "not there exactly once: the code moved on, write these rows anew"
    assert all(trap.code != trap.without for trap in TRAPS)


def test_the_tests_that_the_table_names_exist() -> None:
    known = {f"{path.name}::{name}" for path in (ROOT / TESTS).glob("test_*.py") for name in _test_names(path)}
    assert {trap.test for trap in TRAPS} <= known


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_trap_has_a_test_that_fails_without_the_code_that_minds_it(tmp_path: Path) -> None:
    _copy(tmp_path)
    names = sorted({trap.test for trap in TRAPS})
    assert _exit_codes(tmp_path, [{"test": names}]) == [PASSED], "the tests do not pass on an untouched copy"
    without = _exit_codes(tmp_path, [{name: getattr(trap, name) for name in ("file", "code", "without", "test")} for trap in TRAPS])
    passed = [f"{trap.form}: {trap.sentence} ({trap.test})" for trap, code in zip(TRAPS, without, strict=True) if code != FAILED]
    assert passed == [], "these tests do not fail as they should without the code that minds the trap"


def _test_names(path: Path) -> Iterable[str]:
    return (item.name for item in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(item, ast.FunctionDef))


def _copy(folder: Path) -> None:
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for parent in (Path("tests"), Path("tests/unit")):
        shutil.copy(ROOT / parent / "__init__.py", folder / parent / "__init__.py")
    # Byte code that knows its source by content: a change of a line is seen however short it lasts.
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
    subprocess.run(command, cwd=folder, check=True)


def _exit_codes(folder: Path, trials: Sequence[Mapping[str, str | list[str]]]) -> list[int]:
    """pytest's exit code of each trial."""
    done = subprocess.run(
        [sys.executable, "-B", "-m", "tests.unit.ingest.trap_trials"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        input=json.dumps(trials),
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stderr)
    assert done.returncode == 0
    found: list[int] = json.loads(done.stdout)
    return found


def test_rows_of_one_trap_differ() -> None:
    rows: list[Trap] = list(TRAPS)
    assert len(set(rows)) == len(rows)
