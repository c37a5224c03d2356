"""What `make setup` relies on: locks that are whole and hold no addresses, and one list of programs."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from deploy.local import programs

ROOT = Path(__file__).parents[2]
LOCKS = {"requirements.lock": (), "requirements-dev.lock": ("dev",)}


def locked(name: str) -> dict[str, Version]:
    return {
        match[1]: Version(match[2]) for match in re.finditer(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    }


def wanted(extras: tuple[str, ...]) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in extras:
        lines += project["project"]["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_every_package_that_the_project_names(lock: str) -> None:
    versions = locked(lock)
    missing = [
        str(requirement)
        for requirement in wanted(LOCKS[lock])
        if re.sub(r"[-_.]+", "-", requirement.name).lower() not in versions
        or versions[re.sub(r"[-_.]+", "-", requirement.name).lower()] not in requirement.specifier
    ]
    assert missing == [], "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"https?://\S+|--(?:extra-)?index-url|--find-links|--trusted-host", text) == []


def test_both_locks_pin_the_same_versions() -> None:
    run, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: version for name, version in run.items() if development.get(name) != version} == {}


def test_the_set_up_script_installs_what_the_stack_asks_for() -> None:
    script = (ROOT / "deploy/local/set-up.sh").read_text()
    packages = [package for _, package in programs.missing_packages(mosquitto=None, java=None, maven=None, postgres=None)]
    assert [package for package in packages if f"|| echo {package}\n" not in script] == []


def test_the_scripts_are_valid_shell() -> None:
    for script in ("deploy/local/set-up.sh", ".ci/run"):
        subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


def test_a_user_who_may_not_install_is_told_what_to_install(tmp_path: Path) -> None:
    """The script's own sentence, with a PATH on which nothing but apt-get is found and sudo refuses."""
    for name, text in {"apt-get": "exit 0", "sudo": "exit 1", "id": "echo 1000"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    functions = (ROOT / "deploy/local/set-up.sh").read_text().split('\ncd "$(dirname')[0]
    body = (ROOT / "deploy/local/set-up.sh").read_text().split("purpose=", 1)[1].removesuffix("\nmain\n")
    probe = f'{functions}\npurpose={body}\nPATH="{tmp_path}"\ninstall_packages maven postgresql\n'
    done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends maven postgresql`, then make again" in done.stderr
