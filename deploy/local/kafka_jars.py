"""Apache Kafka's jars, fetched once by Maven into a cache that all run directories share, and checked against known hashes."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.local.layout import cache_folder
from deploy.local.programs import find_program, missing_packages, missing_sentence
from models.domain.failures import UserError

KAFKA_VERSION = "4.1.0"
POM_FILE = Path(__file__).parent / "kafka" / "pom.xml"
HASHES_FILE = Path(__file__).parent / "kafka" / "jars.sha256"


def kafka_jars(say: Callable[[str], None], cache: Path | None = None) -> Path:
    """The folder with the jars; fetches them when the cache has none. `UserError` when that fails."""
    cache = cache or cache_folder()
    folder = cache / f"kafka-{KAFKA_VERSION}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second stack that starts meanwhile waits here instead of fetching too
        if not folder.exists():
            _fetch(folder, say)
    return folder


def known_hashes(text: str) -> dict[str, str]:
    """File name → SHA-256, from lines as `sha256sum` prints them."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name.strip(): digest for digest, name in pairs}


def differences(folder: Path, expected: dict[str, str]) -> list[str]:
    """What is missing, unexpected or altered in a folder of jars."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")}
    problems = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    problems += [f"{name} is not expected" for name in sorted(found.keys() - expected.keys())]
    return problems + [
        f"{name} has another content" for name in sorted(found) if name in expected and found[name] != expected[name]
    ]


def _fetch(folder: Path, say: Callable[[str], None]) -> None:
    maven = find_program("mvn")
    if maven is None:
        raise UserError(missing_sentence(missing_packages(maven=None)))
    expected = known_hashes(HASHES_FILE.read_text())
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        target = Path(temporary) / "jars"
        target.mkdir()
        _run_maven(maven, Path(temporary), target, len(expected), say)
        problems = differences(target, expected)
        if problems:
            raise UserError(f"Kafka's jars are not the ones that were tested: {'; '.join(problems[:5])}. Nothing was installed")
        for path in target.iterdir():
            path.chmod(0o644)
        target.chmod(0o755)
        target.rename(folder)


def _run_maven(maven: str, temporary: Path, target: Path, total: int, say: Callable[[str], None]) -> None:
    pom = shutil.copy(POM_FILE, temporary / "pom.xml")
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    command = [maven, "--batch-mode", "--strict-checksums", "-f", str(pom), *goal]
    say(f"fetching Apache Kafka {KAFKA_VERSION} ({total} jars, 43 MB) once, into {target.parent.parent}")
    lines: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        fetched = 0
        for line in process.stdout:
            lines.append(line.rstrip())
            fetched += line.startswith("Downloaded") and ".jar" in line
            if line.startswith("Downloaded") and ".jar" in line and fetched % 10 == 0:
                say(f"  {fetched} files fetched")
    if process.returncode != 0:
        errors = [line for line in lines if line.startswith("[ERROR]")][:2] or lines[-2:]
        raise UserError(f"Maven could not fetch Kafka: {' '.join(errors)}. Check the network or Maven's settings and try again")


if __name__ == "__main__":  # with nothing but Python itself: runs while the virtual environment is being made
    try:
        kafka_jars(print)
    except UserError as error:
        raise SystemExit(str(error)) from error
