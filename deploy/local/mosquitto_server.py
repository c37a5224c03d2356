"""The MQTT broker of the local stack: its configuration, users and rights. No anonymous access, loopback only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deploy.local.access import ACCESS
from deploy.local.credentials import mosquitto_password_line, mqtt_users
from deploy.local.layout import RunDirectory
from deploy.local.ports import LOOPBACK
from deploy.local.processes import ProcessSpec, replace_file

LIMITS_FILE = Path(__file__).parent.parent / "mosquitto" / "limits.conf"


def prepare(run: RunDirectory, program: str, port: int, passwords: Mapping[str, str]) -> ProcessSpec:
    """Writes the broker's files; returns how to start it."""
    folder = run.server_folder("mosquitto")
    files = {
        "mosquitto.conf": configuration(f"{port} {LOOPBACK}", folder, folder, LIMITS_FILE.read_text()),
        "passwords": password_file(passwords),
        "acl": acl_file(),
    }
    for name, text in files.items():
        replace_file(folder / name, text, owner=run.account)
    uid, gid = run.account or (None, None)
    return ProcessSpec(
        name="mosquitto",
        role="server",
        argv=(program, "-c", str(folder / "mosquitto.conf")),
        log=str(run.log("mosquitto")),
        port=port,
        working_directory=str(folder),
        uid=uid,
        gid=gid,
        stop_seconds=20.0,
    )


def configuration(listener: str, folder: Path, data: Path, limits: str) -> str:
    """`mosquitto.conf`: where it listens ("port address") and where its files lie, then the limits that Compose has too."""
    return f"""listener {listener}
password_file {folder}/passwords
acl_file {folder}/acl
persistence_location {data}/

{limits}"""


def password_file(passwords: Mapping[str, str]) -> str:
    """One line per user, salted hashes."""
    return "".join(f"{mosquitto_password_line(user, password)}\n" for user, password in mqtt_users(passwords))


def acl_file() -> str:
    """Who may read and write which MQTT topics: nothing else is allowed."""
    lines: list[str] = []
    for service, access in ACCESS.items():
        if access.mqtt:
            lines.append(f"user {service}")
            lines += [f"topic read {topic_filter}" for topic_filter in access.mqtt.reads]
            lines += [f"topic write {topic_filter}" for topic_filter in access.mqtt.writes]
            lines.append("")
    return "\n".join(lines)
