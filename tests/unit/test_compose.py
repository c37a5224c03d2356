"""Compose and the local stack are the same line: services, settings, rights; loopback only, no password in git."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose import secrets
from deploy.local import kafka_jars, kafka_server, mosquitto_server, postgres_server, prometheus_server
from deploy.local.access import ACCESS, SUPERUSER
from deploy.local.credentials import secret_names
from deploy.local.set_up import SERVICES

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "deploy/compose/compose.yaml"
SERVERS = {"mosquitto", "kafka", "postgres", "prometheus"}
ONLY_IN_COMPOSE = {"grafana", "set-up"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    parsed: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(COMPOSE_FILE.read_text())
    return parsed["services"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    secrets.write(folder)
    return folder


def properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line)


def test_compose_runs_what_the_local_stack_runs(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == SERVERS | set(SERVICES) | ONLY_IN_COMPOSE
    assert {name: services[name]["command"] for name in SERVICES} == {name: ["run", name] for name in SERVICES}


def test_a_service_gets_its_own_passwords_and_no_others(services: dict[str, dict[str, Any]], made: Path) -> None:
    for name in SERVICES:
        assert services[name]["env_file"] == ["secrets/env/common.env", f"secrets/env/{name}.env"]
    for name in ACCESS:
        assert (made / "env" / f"{name}.env").exists()


def test_published_ports_are_on_loopback_only(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not str(port).startswith("127.0.0.1:")] == []
    assert "ports" not in services["kafka"]
    assert "ports" not in services["postgres"]


def test_there_is_no_password_in_git(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or name.endswith("_FILE"), f"{name}={value}"
    assert "deploy/compose/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert services["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"


def test_passwords_are_random_kept_and_private(made: Path, tmp_path: Path) -> None:
    first = (made / "env" / "store.env").read_text()
    secrets.write(made)
    assert (made / "env" / "store.env").read_text() == first
    secrets.write(tmp_path / "other")
    assert (tmp_path / "other" / "env" / "store.env").read_text() != first
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (made / "env").iterdir()} == {0o600}
    assert len(secret_names()) == len(set(secret_names()))


def test_mosquitto_has_the_same_limits_and_rights(made: Path) -> None:
    text = (made / "mosquitto/mosquitto.conf").read_text()
    assert mosquitto_server.LIMITS_FILE.read_text() in text
    assert "max_queued_messages 0\n" in text
    assert "allow_anonymous false\n" in text
    assert (made / "mosquitto/acl").read_text() == mosquitto_server.acl_file()


def test_kafka_has_the_same_settings_and_version(services: dict[str, dict[str, Any]], made: Path) -> None:
    settings = properties((made / "kafka/server.properties").read_text())
    assert {name: settings[name] for name in kafka_server.BROKER_SETTINGS} == kafka_server.BROKER_SETTINGS
    assert settings["super.users"] == kafka_server.super_users()
    assert settings["advertised.listeners"].startswith("CLIENT://kafka:9092,")
    assert services["kafka"]["image"] == f"apache/kafka:{kafka_jars.KAFKA_VERSION}"
    assert f"-Xmx{kafka_server.HEAP_MEGABYTES}m" in services["kafka"]["environment"]["KAFKA_HEAP_OPTS"]


def test_postgres_has_the_same_settings(services: dict[str, dict[str, Any]]) -> None:
    command = services["postgres"]["command"]
    assert command[0] == "postgres"
    assert set(command[1::2]) == {"-c"}
    expected = {**postgres_server.SERVER_SETTINGS, **postgres_server.TIMESCALE_SETTINGS}
    assert dict(item.split("=", 1) for item in command[2::2]) == expected
    environment = services["postgres"]["environment"]
    assert environment["POSTGRES_USER"] == SUPERUSER
    assert environment["POSTGRES_DB"] == postgres_server.DATABASE
    assert environment["POSTGRES_HOST_AUTH_METHOD"] == "scram-sha-256"


def test_prometheus_scrapes_every_service_and_keeps_as_long(services: dict[str, dict[str, Any]], made: Path) -> None:
    scraped = yaml.safe_load((made / "prometheus/prometheus.yml").read_text())["scrape_configs"][0]["static_configs"]
    assert {entry["labels"]["service"] for entry in scraped} == set(SERVICES)
    assert f"--storage.tsdb.retention.time={prometheus_server.RETENTION}" in services["prometheus"]["command"]


def test_images_are_pinned_and_mounted_files_exist(services: dict[str, dict[str, Any]], made: Path) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"[a-z/-]+:(v?\d+\.\d+\.\d+(-pg15)?|local)", service["image"]), name
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./secrets/"):
                assert (made / source.removeprefix("./secrets/")).exists(), source
            elif source.startswith("."):
                assert (COMPOSE_FILE.parent / source).exists(), source


def test_grafana_is_told_every_address_and_password_that_its_provisioning_names(made: Path) -> None:
    provisioning = "".join(path.read_text() for path in (ROOT / "deploy/grafana/provisioning").rglob("*.yaml"))
    wanted = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", provisioning))
    given = {name for file in ("common.env", "grafana-server.env") for name in properties((made / "env" / file).read_text())}
    assert wanted
    assert wanted - given == set()


def test_what_the_image_copies_exists() -> None:
    lines = (ROOT / "deploy/compose/Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert [path for path in copied if not (ROOT / path).exists()] == []
    packages = re.search(r"^packages = \[(.+)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert packages is not None
    assert set(re.findall(r'"(\w+)"', packages[1])) <= set(copied)


def compose_command() -> list[str] | None:
    """Compose's own program, in either form; it checks a file without any engine."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if (
        shutil.which("docker")
        and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    ):
        return ["docker", "compose"]
    return None


@pytest.mark.lengthy
@pytest.mark.skipif(compose_command() is None, reason="Compose is not installed (Debian package docker-compose)")
def test_composes_own_check_accepts_the_file(tmp_path: Path) -> None:
    command = compose_command()
    assert command is not None
    copy = tmp_path / "deploy" / "compose"
    shutil.copytree(COMPOSE_FILE.parent, copy, ignore=shutil.ignore_patterns("secrets", "__pycache__"))
    secrets.write(copy / "secrets")
    done = subprocess.run([*command, "-f", str(copy / "compose.yaml"), "config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)["services"]
    assert set(resolved) == SERVERS | set(SERVICES) | ONLY_IN_COMPOSE
    store = resolved["store"]["environment"]
    assert store["STADSPULS_DATABASE_USER"] == "store"
    assert "STADSPULS_MQTT_PASSWORD" not in store
