"""The programs that a machine must have, found or named with the Debian package that brings them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.domain.failures import UserError

MINIMUM_JAVA = 17
POSTGRES_VERSIONS = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Programs:
    """Absolute paths of the servers; `prometheus` is optional."""

    mosquitto: str
    java: str
    postgres_bin: Path
    prometheus: str | None

    @property
    def timescaledb_installed(self) -> bool:
        """Whether this PostgreSQL can load the TimescaleDB extension."""
        return timescaledb_installed(self.postgres_bin)


def find_program(name: str) -> str | None:
    """Path of a program; system folders are searched even when the user's PATH leaves them out."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin")


def find_postgres(versions: Path = POSTGRES_VERSIONS) -> Path | None:
    """The folder with `initdb` and `postgres`: Debian's newest, else the one on PATH."""
    numbered = [path for path in versions.glob("*/bin") if (path / "initdb").exists() and path.parent.name.isdigit()]
    if numbered:
        return max(numbered, key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def find_programs() -> Programs:
    """All programs; `UserError` with one sentence naming every missing one and its Debian package."""
    mosquitto, java, postgres = find_program("mosquitto"), find_program("java"), find_postgres()
    missing = missing_packages(mosquitto=mosquitto, java=java, postgres=postgres)
    if missing:
        raise UserError(missing_sentence(missing))
    assert mosquitto is not None
    assert java is not None
    assert postgres is not None
    check_java(java)
    return Programs(mosquitto, java, postgres, find_program("prometheus"))


def missing_packages(**found: object) -> list[tuple[str, str]]:
    """(what is missing, its Debian package), in a fixed order."""
    names = {
        "mosquitto": ("the MQTT broker Mosquitto", "mosquitto"),
        "java": ("Java, which Kafka runs on", "default-jre-headless"),
        "maven": ("Maven, which fetches Kafka once", "maven"),
        "postgres": ("the database server PostgreSQL", "postgresql"),
    }
    return [words for name, words in names.items() if name in found and not found[name]]


def missing_sentence(missing: Sequence[tuple[str, str]]) -> str:
    """One sentence for all that is missing."""
    what = ", ".join(name for name, _ in missing)
    packages = " ".join(package for _, package in missing)
    return f"this machine lacks {what}: install it with `sudo apt-get install --no-install-recommends {packages}`"


def check_java(java: str) -> None:
    """`UserError` when this Java is too old for Kafka."""
    printed = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = java_version(printed)
    if version is not None and version < MINIMUM_JAVA:
        raise UserError(
            f"{java} is Java {version}, but Kafka needs {MINIMUM_JAVA} or newer: "
            "install it with `sudo apt-get install --no-install-recommends default-jre-headless`"
        )


def java_version(printed: str) -> int | None:
    """The major version in what `java -version` prints ("17.0.15" → 17, "1.8.0_402" → 8); None when it cannot be told."""
    match = re.search(r'version "(\d+)(?:\.(\d+))?', printed)
    if match is None:
        return None
    major = int(match[1])
    return int(match[2]) if major == 1 and match[2] else major


def timescaledb_installed(postgres_bin: Path) -> bool:
    """Whether the extension's control file and library lie where this PostgreSQL looks for them."""
    shared = _pg_config(postgres_bin, "--sharedir")
    library = _pg_config(postgres_bin, "--pkglibdir")
    return bool(
        shared and library and (shared / "extension/timescaledb.control").exists() and (library / "timescaledb.so").exists()
    )


def _pg_config(postgres_bin: Path, option: str) -> Path | None:
    """A path that this PostgreSQL was built with; Debian's layout when `pg_config` (a development package) is absent."""
    program = postgres_bin / "pg_config"
    if program.exists():
        return Path(subprocess.run([program, option], capture_output=True, text=True, check=True).stdout.strip())
    version = postgres_bin.parent.name
    debian = {"--sharedir": Path("/usr/share/postgresql") / version, "--pkglibdir": Path("/usr/lib/postgresql") / version / "lib"}
    return debian[option] if debian[option].exists() else None
