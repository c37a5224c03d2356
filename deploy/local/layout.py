"""Where things lie in a run directory, and under which account its servers run.

An ordinary user's servers run as that user. PostgreSQL refuses root, and no server needs it: as root, all of them run
under a system account of their own, and their data lies where that account can reach it.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from models.domain.failures import UserError

ACCOUNT_NAME = "stadspuls-servers"
ROOTS_DATA = Path("/var/lib/stadspuls")
ROOTS_CACHE = Path("/var/cache/stadspuls")


@dataclass(frozen=True)
class RunDirectory:
    """The files of one local stack. `data` holds the servers' configuration and data, one folder per server."""

    root: Path
    account: tuple[int, int] | None
    """User and group of the servers, when they are not the user's own."""
    data: Path

    @property
    def env(self) -> Path:
        return self.root / "env"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"

    @property
    def desired_file(self) -> Path:
        return self.root / "desired.json"

    @property
    def ports_file(self) -> Path:
        return self.root / "ports.json"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def engine_file(self) -> Path:
        return self.root / "engine"

    @property
    def set_up_lock(self) -> Path:
        return self.root / "set-up.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.root / "supervisor.lock"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def server_folder(self, name: str) -> Path:
        """The folder of a server, made when missing, for its account only."""
        folder = self.data / name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if self.account is not None:
            os.chown(folder, *self.account)
        return folder


def run_directory(root: Path) -> RunDirectory:
    """The layout of a run directory as it is or would be; makes nothing."""
    root = root.resolve()
    data = root / "data"
    account = _servers_account() if os.geteuid() == 0 else None
    return RunDirectory(root, account, data.resolve() if data.is_symlink() else data)


def prepare(root: Path) -> RunDirectory:
    """Makes the folders of a run directory and, as root, the servers' account. Safe to call again."""
    root = root.resolve()
    if os.geteuid() == 0 and _servers_account() is None:
        _make_account()
    run = run_directory(root)
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o711)
    for folder in (run.env, run.logs):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
    if not run.data.exists():
        _make_data(run)
    return run_directory(root)


def erase(run: RunDirectory) -> None:
    """Removes a run directory with its data, wherever that lies."""
    data = run.root / "data"
    if data.is_symlink():
        shutil.rmtree(data.resolve(), ignore_errors=True)
        data.unlink()
    shutil.rmtree(run.root)


def cache_folder() -> Path:
    """Where downloads are shared by all run directories: readable by the servers' account when root makes it."""
    if os.geteuid() == 0:
        return ROOTS_CACHE
    return Path.home() / ".cache" / "stadspuls"


def can_reach(folder: Path, account: tuple[int, int]) -> bool:
    """Whether an account can enter a folder: every folder above it must let it pass."""
    return (
        subprocess.run(
            ["test", "-x", str(folder)], user=account[0], group=account[1], extra_groups=[], cwd="/", check=False
        ).returncode
        == 0
    )


def _make_data(run: RunDirectory) -> None:
    """The data folder; below `/var/lib`, with a link to it, when the servers' account cannot reach the run directory."""
    if run.account is None or can_reach(run.root, run.account):
        run.data.mkdir()
        run.data.chmod(0o711)
        return
    elsewhere = ROOTS_DATA / hashlib.sha256(str(run.root).encode()).hexdigest()[:12]
    elsewhere.mkdir(parents=True, exist_ok=True)
    for folder in (ROOTS_DATA, elsewhere):
        folder.chmod(0o711)
    (run.root / "data").unlink(missing_ok=True)  # a link to a folder that somebody removed
    (run.root / "data").symlink_to(elsewhere)


def _servers_account() -> tuple[int, int] | None:
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid


def _make_account() -> None:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        raise UserError(
            f"PostgreSQL does not run as root and the account {ACCOUNT_NAME} cannot be made without `useradd`: "
            "install it with `apt-get install passwd`, or run as an ordinary user"
        )
    command = [
        program,
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        "/usr/sbin/nologin",
    ]
    made = subprocess.run([*command, ACCOUNT_NAME], capture_output=True, text=True, check=False)
    if made.returncode != 0 and _servers_account() is None:
        raise UserError(f"the account {ACCOUNT_NAME} for the servers could not be made: {made.stderr.strip()}")
