"""Random passwords, the forms in which servers keep them, and the env files from which services read them.

Passwords are made once per run directory and kept in `secrets.json`; the servers' own files hold salted hashes wherever
the server understands them. Every file has mode 0600.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from deploy.local.access import ACCESS, DATABASE_ROLES, SUPERUSER
from deploy.local.layout import RunDirectory
from deploy.local.ports import LOOPBACK
from deploy.local.processes import replace_file

SCRAM_ITERATIONS = 4096
PRIVACY_KEY = "privacy/hash-key"
"""The key of the hashes that stand for payloads with personal fields: the store's only."""
PLANNER_TOKEN = "api/planner-token"
"""What a planner shows at the API to release, change and close plans."""
CREW_LINK_KEY = "api/crew-link-key"
"""The key that signs the links to a truck's page of a day."""
MOSQUITTO_ITERATIONS = 101
"""Mosquitto's own default; the passwords are 192 random bits, so that slow hashing would protect nothing more."""


def secret_names() -> list[str]:
    """Every secret of a stack: "mqtt/<service>", "kafka/<service>", "database/<role>", the privacy key, and those of planners and crews."""
    names = [f"mqtt/{service}" for service, access in ACCESS.items() if access.mqtt]
    names += [f"kafka/{service}" for service, access in ACCESS.items() if access.kafka]
    names += ["kafka/broker", "kafka/controller", PRIVACY_KEY, PLANNER_TOKEN, CREW_LINK_KEY]
    return names + [f"database/{role}" for role in (*DATABASE_ROLES, SUPERUSER)]


def load_or_make_secrets(path: Path) -> dict[str, str]:
    """The passwords of a run directory; missing ones are made and kept."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    complete = {name: kept.get(name) or secrets.token_urlsafe(24) for name in secret_names()}
    if complete != kept:
        replace_file(path, json.dumps(complete, indent=1))
    return complete


def write_env_files(run: RunDirectory, passwords: Mapping[str, str], ports: Mapping[str, int], database: str) -> None:
    """`env/common.env` with addresses, `env/<service>.env` with a service's own users, `env/admin.env` with the superuser."""
    common = {
        "MQTT_HOST": LOOPBACK,
        "MQTT_PORT": ports["mosquitto"],
        "KAFKA_BOOTSTRAP": f"{LOOPBACK}:{ports['kafka']}",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "DATABASE_HOST": LOOPBACK,
        "DATABASE_PORT": ports["postgres"],
        "DATABASE_NAME": database,
        "API_HOST": LOOPBACK,
        "API_PORT": ports["api"],
        "CANARY_API_ADDRESS": f"http://{LOOPBACK}:{ports['api']}",
    }
    write_env(run.env / "common.env", common)
    for service in ACCESS:
        write_env(
            run.env / f"{service}.env",
            {**service_environment(service, passwords), "METRICS_PORT": ports.get(f"metrics/{service}", 0)},
        )
    admin = {"DATABASE_USER": SUPERUSER, "DATABASE_PASSWORD": passwords[f"database/{SUPERUSER}"]}
    write_env(run.env / "admin.env", admin)


def service_environment(service: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """The users and passwords of one service, as settings without their prefix."""
    access = ACCESS[service]
    settings: dict[str, str] = {}
    if access.mqtt:
        settings |= {"MQTT_USERNAME": service, "MQTT_PASSWORD": passwords[f"mqtt/{service}"]}
    if access.kafka:
        settings |= {"KAFKA_USERNAME": service, "KAFKA_PASSWORD": passwords[f"kafka/{service}"]}
    if access.database_role:
        settings |= {"DATABASE_USER": access.database_role, "DATABASE_PASSWORD": passwords[f"database/{access.database_role}"]}
    if service == "store":
        settings["PRIVACY_HASH_KEY"] = passwords[PRIVACY_KEY]
    if service in ("api", "operator"):
        settings |= {"API_PLANNER_TOKEN": passwords[PLANNER_TOKEN], "CREW_LINK_KEY": passwords[CREW_LINK_KEY]}
    return settings


def mosquitto_password_line(user: str, password: str, salt: bytes | None = None) -> str:
    """A line of Mosquitto's password file: PBKDF2-SHA512, as `mosquitto_passwd` writes it."""
    salt = salt or os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, MOSQUITTO_ITERATIONS)
    return f"{user}:$7${MOSQUITTO_ITERATIONS}${_base64(salt)}${_base64(digest)}"


def kafka_scram_argument(user: str, password: str, salt: bytes | None = None) -> str:
    """What Kafka's storage tool takes for `--add-scram`: the salted password, so that it never sees the password."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, SCRAM_ITERATIONS)
    return f'SCRAM-SHA-512=[name={user},iterations={SCRAM_ITERATIONS},salt="{_base64(salt)}",saltedpassword="{_base64(salted)}"]'


def postgres_scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores for a SCRAM-SHA-256 password (RFC 5803), so that no password stands in a statement."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def mqtt_users(passwords: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """(user, password) of each MQTT account."""
    return [(service, passwords[f"mqtt/{service}"]) for service, access in ACCESS.items() if access.mqtt]


def kafka_users(passwords: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """(user, password) of each Kafka account that logs in with SCRAM."""
    users = [(service, passwords[f"kafka/{service}"]) for service, access in ACCESS.items() if access.kafka]
    return [*users, ("broker", passwords["kafka/broker"])]


def write_env(path: Path, settings: Mapping[str, object]) -> None:
    """An env file, mode 0600, of settings without their prefix."""
    replace_file(path, "".join(f"STADSPULS_{name}={value}\n" for name, value in settings.items()))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
