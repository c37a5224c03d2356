"""Makes what Compose must not have in git: random passwords and the servers' files that hold or check them.

`make compose-secrets` (`python -m deploy.compose.secrets [FOLDER]`) writes `deploy/compose/secrets/`, once: passwords that exist are
kept. The files come from the same code as the local stack's, so that settings and rights cannot differ. The folder has mode
0700; the files that a server's own user must read inside its image have 0644 below it.
"""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local import kafka_server, mosquitto_server, postgres_server, prometheus_server
from deploy.local.access import ACCESS, DATABASE_ROLES, SUPERUSER
from deploy.local.credentials import (
    kafka_scram_argument,
    kafka_users,
    load_or_make_secrets,
    postgres_scram_verifier,
    service_environment,
    write_env,
)
from deploy.local.processes import replace_file
from deploy.local.set_up import SERVICES

FOLDER = Path(__file__).parent / "secrets"
MQTT_PORT, KAFKA_PORT, KAFKA_CONTROLLER_PORT, POSTGRES_PORT, METRICS_PORT, API_PORT = 1883, 9092, 9093, 5432, 9100, 8080
ANY_ADDRESS = "0.0.0.0"
"""Inside an image; what the host shows is decided by `ports`, which names loopback."""


def write(folder: Path) -> None:
    """Writes all files of a folder; passwords that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in ("env", "mosquitto", "kafka", "postgres", "prometheus"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(0o755)
    passwords = load_or_make_secrets(folder / "secrets.json")
    _write_env_files(folder, passwords)
    for path, text in server_files(passwords).items():
        replace_file(folder / path, text, mode=0o644)
    identity = folder / "kafka" / "cluster-id"
    if not identity.exists():
        replace_file(identity, "A" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[1:22], mode=0o644)


def server_files(passwords: Mapping[str, str]) -> dict[str, str]:
    """Path below the folder → content of each file that a server's image mounts."""
    config = Path("/mosquitto/config")
    limits = mosquitto_server.LIMITS_FILE.read_text()
    return {
        "mosquitto/mosquitto.conf": mosquitto_server.configuration(
            f"{MQTT_PORT} {ANY_ADDRESS}", config, Path("/mosquitto/data"), limits
        ),
        "mosquitto/passwords": mosquitto_server.password_file(passwords),
        "mosquitto/acl": mosquitto_server.acl_file(),
        "kafka/server.properties": kafka_server.configuration(
            Path("/var/lib/kafka/data"), KAFKA_PORT, KAFKA_CONTROLLER_PORT, passwords, host="kafka", listen=ANY_ADDRESS
        ),
        "kafka/scram-users": "".join(
            f"--add-scram\n{kafka_scram_argument(user, password)}\n" for user, password in kafka_users(passwords)
        ),
        "postgres/superuser.password": passwords[f"database/{SUPERUSER}"],
        "postgres/roles.sql": roles_sql(passwords),
        "prometheus/prometheus.yml": prometheus_server.configuration({name: f"{name}:{METRICS_PORT}" for name in SERVICES}),
        **{f"prometheus/{name}": text for name, text in prometheus_server.rule_files().items()},
    }


def roles_sql(passwords: Mapping[str, str]) -> str:
    """Run once by the database's image when it makes the cluster: roles, the database's owner, who may connect, the extension."""
    roles = "".join(
        f"CREATE ROLE {role} LOGIN PASSWORD '{postgres_scram_verifier(passwords[f'database/{role}'])}';\n"
        for role in DATABASE_ROLES
    )
    name = postgres_server.DATABASE
    return f"""{roles}ALTER DATABASE {name} OWNER TO migrator;
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
GRANT CONNECT ON DATABASE {name} TO {", ".join(DATABASE_ROLES)};
CREATE EXTENSION IF NOT EXISTS timescaledb;
"""


def _write_env_files(folder: Path, passwords: Mapping[str, str]) -> None:
    """What Compose gives each service's environment; read by Compose itself, so 0600."""
    common = {
        "MQTT_HOST": "mosquitto",
        "MQTT_PORT": MQTT_PORT,
        "KAFKA_BOOTSTRAP": f"kafka:{KAFKA_PORT}",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "DATABASE_HOST": "postgres",
        "DATABASE_PORT": POSTGRES_PORT,
        "DATABASE_NAME": postgres_server.DATABASE,
        "API_HOST": ANY_ADDRESS,
        "API_PORT": API_PORT,
        "CANARY_API_ADDRESS": f"http://api:{API_PORT}",
        "METRICS_HOST": ANY_ADDRESS,
        "METRICS_PORT": METRICS_PORT,
    }
    write_env(folder / "env" / "common.env", common)
    for service in ACCESS:
        write_env(folder / "env" / f"{service}.env", service_environment(service, passwords))
    grafana = {
        "STADSPULS_GRAFANA_DATABASE_PASSWORD": passwords["database/grafana"],
        "STADSPULS_PROMETHEUS_ADDRESS": "http://prometheus:9090",
        "GF_SECURITY_ADMIN_PASSWORD": _grafana_password(folder),
    }
    replace_file(folder / "env" / "grafana-server.env", "".join(f"{name}={value}\n" for name, value in grafana.items()))


def _grafana_password(folder: Path) -> str:
    """The password of Grafana's user `admin`, in a file that a person may open."""
    path = folder / "grafana-admin.password"
    if not path.exists():
        replace_file(path, secrets.token_urlsafe(18))
    return path.read_text()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    write(target)
    print(
        f"passwords and server files are in {target} (kept out of git). Grafana's user admin: {target / 'grafana-admin.password'}"
    )
