"""A class archive for Kafka: what the JVM would parse and verify at each start, prepared once per machine.

Halves the time in which Kafka starts, which every test run, demo and restart waits for. `make setup` makes it by starting a throwaway
node and stopping it; without it, or with another Java, Kafka starts as usual.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.local import credentials, kafka_server
from deploy.local.kafka_jars import kafka_jars
from deploy.local.layout import RunDirectory, prepare
from deploy.local.ports import choose_ports, is_listening
from deploy.local.programs import find_programs
from deploy.local.readiness import wait_until
from models.domain.failures import UserError

START_SECONDS = 90.0


def archive_file(java: str, jars: Path) -> Path:
    """Where the archive for this Java lies or would lie, beside the jars."""
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    return jars.with_name(f"{jars.name}-{hashlib.sha256(version.encode()).hexdigest()[:12]}.jsa")


def make_archive(java: str, jars: Path, say: Callable[[str], None]) -> None:
    """Makes the archive unless there is one. When the throwaway node does not start or stop, says so and leaves none."""
    target = archive_file(java, jars)
    if target.exists():
        return
    with jars.with_name("kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return
        say("preparing Kafka's classes once, so that it starts faster")
        folder = Path(tempfile.mkdtemp(prefix="archive-", dir=jars.parent))
        try:
            made = _run_once(prepare(folder), java, jars)
            if made is None:
                say("that did not work: Kafka will start as usual")
                return
            made.chmod(0o644)
            shutil.copy(made, target.with_suffix(".part"))
            target.with_suffix(".part").rename(target)
        finally:
            shutil.rmtree(folder)


def _run_once(run: RunDirectory, java: str, jars: Path) -> Path | None:
    """Starts and stops a node that writes its archive when it ends; None when it did not."""
    passwords = {name: secrets.token_urlsafe(24) for name in credentials.secret_names()}
    ports = choose_ports(run.ports_file, ["kafka", "controller"])
    spec = kafka_server.prepare(run, java, jars, ports["kafka"], ports["controller"], passwords)
    made = run.server_folder("kafka") / "classes.jsa"
    arguments = [spec.argv[0], f"-XX:ArchiveClassesAtExit={made}", *spec.argv[1:]]
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=spec.working_directory,
        user=spec.uid, group=spec.gid, extra_groups=None if spec.uid is None else [], env={"PATH": os.defpath},
    )  # fmt: skip
    try:
        wait_until(lambda: is_listening(spec.port), timeout_seconds=START_SECONDS, give_up=lambda: process.poll() is not None)
        process.terminate()
        process.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return made if made.exists() else None


if __name__ == "__main__":
    try:
        make_archive(find_programs().java, kafka_jars(print), print)
    except UserError as error:
        raise SystemExit(str(error)) from error
