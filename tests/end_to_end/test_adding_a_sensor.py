"""`docs/adding-a-sensor.md` does what it says: its blocks are applied to a copy of the project, and its commands run there.

Nothing of the page is repeated here. A block after "Create `path`:" is a file; a diff after "Register it in `path`:" is a change;
a console block is a command with, below it, what it prints.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "adding-a-sensor.md"
FOLDERS = (
    "api",
    "deploy",
    "docs",
    "experiments",
    "ingest",
    "models",
    "processors",
    "runtime",
    "simulators",
    "stadspuls",
    "storage",
    "tests",
)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"(Create|Register it in) `([^`]+)`:")


@dataclass(frozen=True)
class Block:
    """A code block: its language, its text, and the file that the words before it name."""

    language: str
    text: str
    path: str


def blocks() -> Iterator[Block]:
    page = PAGE.read_text(encoding="utf-8")
    end, path = 0, ""
    for found in _BLOCK.finditer(page):
        named = _TARGET.findall(page[end : found.start()])
        path = named[-1][1] if named else path
        yield Block(found.group(1), found.group(2), path)
        end = found.end()


def apply_diff(file: Path, diff: str) -> None:
    """Replaces the lines that the diff expects, which must stand in the file exactly once, by those that it wants."""
    lines = diff.splitlines(keepends=True)
    assert all(line[0] in " +-" for line in lines)
    expected = "".join(line[1:] for line in lines if line[0] in " -")
    wanted = "".join(line[1:] for line in lines if line[0] in " +")
    text = file.read_text(encoding="utf-8")
    assert text.count(expected) == 1, f"{file.name} has not exactly one place like:\n{expected}"
    file.write_text(text.replace(expected, wanted), encoding="utf-8")


def run(command: str, folder: Path) -> str:
    """A command of the page in the copy, with this interpreter."""
    words = shlex.split(command)
    assert words[0] == "python"
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is, with all files and changes of the page applied."""
    folder = tmp_path_factory.mktemp("copy")
    for name in FOLDERS:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    for block in blocks():
        file = folder / block.path
        if block.language == "diff":
            apply_diff(file, block.text)
        elif block.language != "console":
            assert not file.exists(), f"{block.path} exists already"
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    return folder


def commands() -> list[tuple[str, str]]:
    """Each command of the page and what it says that it prints."""
    found = []
    for block in blocks():
        if block.language == "console":
            first, _, rest = block.text.partition("\n")
            assert first.startswith("$ ")
            found.append((first[2:], rest))
    return found


@pytest.mark.parametrize(("command", "printed"), commands(), ids=[" ".join(command.split()[2:5]) for command, _ in commands()])
def test_the_pages_commands_work_and_print_what_it_says(copy: Path, command: str, printed: str) -> None:
    said = run(command, copy)
    if printed:
        assert said == printed
    if " pytest " in command:
        assert re.search(r"\d+ passed", said)


def test_the_contracts_pick_up_what_was_added(copy: Path) -> None:
    """The tests that passed were asked of the new kind, codec and simulator, and not only of the old ones."""
    asked = ("test_sensor_kinds.py", "test_decoders.py", "test_simulators.py")
    said = run(f"python -m pytest --collect-only -q {' '.join(f'tests/contract/{name}' for name in asked)}", copy)
    for added in ("[noise_level]", "[acme_qn1]", "[NoiseSimulator]"):
        assert added in said


def test_columns_and_registry_follow_from_the_one_file(copy: Path) -> None:
    program = """
from pathlib import Path
from ingest.codecs import CODECS
from models.sensor_kinds import kind_by_name
from storage.reading_tables import reading_columns
from storage.registry_files import read_registry_files
from storage.registry_checks import check_registry
kind = kind_by_name("noise_level")
print({name: kind_type for name, kind_type in reading_columns(kind).items() if name.endswith("_db")})
content, mistakes, paths = read_registry_files([Path("city")])
print(len(paths), mistakes, check_registry(content, device_models={codec.name for codec in CODECS}))
"""
    (copy / "ask.py").write_text(program)
    assert run("python ask.py", copy).splitlines() == [
        "{'level_db': 'double precision', 'peak_db': 'double precision'}",
        "2 [] []",
    ]


def test_the_page_follows_the_projects_own_style(copy: Path) -> None:
    added = [block.path for block in blocks() if block.path.endswith(".py") and block.language == "python"]
    run(f"python -m ruff check {' '.join(added)} models/sensor_kinds ingest/codecs simulators", copy)
    run(f"python -m ruff format --check {' '.join(added)}", copy)
