"""What the local stack decides before anything runs: ports, passwords, configuration files, rights, what a machine lacks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from deploy.local import (
    access,
    credentials,
    kafka_jars,
    kafka_server,
    layout,
    mosquitto_server,
    ports,
    postgres_server,
    processes,
    programs,
    prometheus_server,
    set_up,
    stack,
)
from models.domain.failures import UserError
from stadspuls.services import SERVICE_MODULES


def passwords() -> dict[str, str]:
    return {name: f"secret-of-{name.replace('/', '-')}" for name in credentials.secret_names()}


def lines_of(text: str) -> dict[str, str]:
    """Settings of a file with `name value` or `name=value` lines."""
    pairs = (line.replace("=", " ", 1).split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {pair[0]: pair[1].strip("'") if len(pair) > 1 else "" for pair in pairs}


# State


def test_the_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    me = processes.started_at(os.getpid())
    process = processes.ProcessState(
        "store", "service", os.getpid(), 1234, me, 2, tmp_path / "store.log", True, "ended with status 1"
    )
    state = processes.StackState(tmp_path, os.getpid(), me, "plain", 7, [process])
    processes.write_state(tmp_path / "state.json", state)
    assert processes.read_state(tmp_path / "state.json") == state
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_a_pid_that_another_process_got_is_not_the_process_that_was_started() -> None:
    mine = processes.started_at(os.getpid())
    assert processes.is_same_process(os.getpid(), mine)
    assert not processes.is_same_process(os.getpid(), mine - timedelta(hours=1))
    assert not processes.is_same_process(0, mine)


def test_a_zombie_does_not_run() -> None:
    child = psutil.Popen(["true"])
    began = datetime.fromtimestamp(child.create_time(), UTC)
    while child.status() != psutil.STATUS_ZOMBIE:
        pass
    assert not processes.is_same_process(child.pid, began)
    child.wait()


# Ports


def test_ports_lie_below_those_that_outgoing_connections_take() -> None:
    first_of_linux = 32_768
    assert first_of_linux > ports.LAST_PORT


def test_ports_stay_the_same_until_somebody_takes_one(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = ports.choose_ports(file, ["kafka", "postgres"])
    assert first == ports.choose_ports(file, ["kafka", "postgres"])
    with socket.socket() as taken:
        taken.bind((ports.LOOPBACK, first["kafka"]))
        taken.listen()
        second = ports.choose_ports(file, ["kafka", "postgres"])
    assert second["kafka"] != first["kafka"]
    assert second["postgres"] == first["postgres"]


# Passwords


def test_passwords_are_made_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    made = credentials.load_or_make_secrets(file)
    assert made == credentials.load_or_make_secrets(file)
    assert len(set(made.values())) == len(made) == len(credentials.secret_names())
    assert min(len(value) for value in made.values()) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_password_added_later_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"mqtt/simulator": "kept"}))
    made = credentials.load_or_make_secrets(file)
    assert made["mqtt/simulator"] == "kept"
    assert made["kafka/store"]


def test_postgres_verifier_proves_the_exchange_of_rfc_7677() -> None:
    """The example of RFC 7677, section 3: the client's proof there must belong to the stored key that we compute."""
    verifier = credentials.postgres_scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    scheme, iterations_and_salt, keys = verifier.split("$")
    stored_key, server_key = (base64.b64decode(part) for part in keys.split(":"))
    messages = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(stored_key, messages, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert (scheme, iterations_and_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    assert hashlib.sha256(client_key).digest() == stored_key
    assert base64.b64encode(hmac.digest(server_key, messages, "sha256")) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_no_server_file_holds_a_clients_password() -> None:
    written = mosquitto_server.password_file(passwords()) + "".join(
        credentials.kafka_scram_argument(user, password) for user, password in credentials.kafka_users(passwords())
    )
    assert not [password for password in passwords().values() if password in written]


def test_env_files_hold_a_services_own_users_and_nobody_elses(tmp_path: Path) -> None:
    run = layout.RunDirectory(tmp_path, None, tmp_path / "data")
    run.env.mkdir()
    chosen = ports.choose_ports(run.ports_file, set_up.PORT_NAMES)
    credentials.write_env_files(run, passwords(), chosen, "stadspuls")
    store = lines_of((run.env / "store.env").read_text())
    assert store["STADSPULS_DATABASE_USER"] == "store"
    assert store["STADSPULS_METRICS_PORT"] == str(chosen["metrics/store"])
    assert "STADSPULS_MQTT_PASSWORD" not in store
    assert {stat.S_IMODE(file.stat().st_mode) for file in run.env.iterdir()} == {0o600}
    assert {file.stem for file in run.env.iterdir()} == {"common", "admin", *access.ACCESS}
    for name in access.ACCESS:
        others = {f"secret-of-{kind}-{other}" for kind in ("mqtt", "kafka") for other in access.ACCESS if other != name}
        assert not others & set(lines_of((run.env / f"{name}.env").read_text()).values())


# Rights


def test_every_service_that_can_be_run_has_its_row_of_rights() -> None:
    assert set(stack.SERVICES) == set(SERVICE_MODULES)
    assert set(stack.SERVICES) <= set(access.ACCESS)
    assert {row.database_role for row in access.ACCESS.values()} - {None} == set(access.DATABASE_ROLES)


def test_only_the_operator_may_do_everything_in_kafka() -> None:
    assert kafka_server.super_users() == "User:broker;User:controller;User:operator"
    assert not [right for right in kafka_server.rights() if right.user == "operator"]


def test_store_reads_raw_messages_and_cannot_write_them() -> None:
    operations = {right.operation for right in kafka_server.rights() if (right.user, right.name) == ("store", access.RAW)}
    assert kafka_server.READ in operations
    assert kafka_server.WRITE not in operations


def test_the_mqtt_rights_name_each_user_once() -> None:
    text = mosquitto_server.acl_file()
    users = [line.removeprefix("user ") for line in text.splitlines() if line.startswith("user ")]
    assert users == [name for name, row in access.ACCESS.items() if row.mqtt]
    simulator = text.split("user simulator\n")[1].split("user ")[0]
    assert "topic write stadspuls/v1/#" in simulator
    assert "read" not in simulator


# Configuration files


def test_mosquitto_lets_nobody_in_without_a_name_and_listens_on_loopback_only() -> None:
    settings = lines_of(
        mosquitto_server.configuration("1885 127.0.0.1", Path("/run/m"), Path("/run/m"), mosquitto_server.LIMITS_FILE.read_text())
    )
    assert settings["allow_anonymous"] == "false"
    assert settings["listener"] == "1885 127.0.0.1"
    assert settings["persistence"] == "true"
    assert settings["max_queued_messages"] == "0"
    assert int(settings["autosave_interval"]) <= 30


def test_what_mosquitto_lets_through_fits_into_kafka() -> None:
    mosquitto = lines_of(mosquitto_server.LIMITS_FILE.read_text())
    payload_limit = 256 * 1024
    kafka_limit = int(kafka_server.BROKER_SETTINGS["message.max.bytes"])
    assert payload_limit < int(mosquitto["message_size_limit"]) < int(mosquitto["max_packet_size"]) <= kafka_limit
    assert kafka_limit >= 2 * payload_limit


def test_kafka_makes_no_topic_by_itself_and_every_listener_asks_for_a_login() -> None:
    settings = lines_of(kafka_server.configuration(Path("/run/k"), 1, 2, passwords()))
    assert settings["auto.create.topics.enable"] == "false"
    assert "PLAINTEXT://" not in settings["listeners"].replace("SASL_PLAINTEXT", "")
    assert {item.split(":")[1] for item in settings["listener.security.protocol.map"].split(",")} == {"SASL_PLAINTEXT"}
    assert all("//127.0.0.1:" in listener for listener in settings["listeners"].split(","))
    assert settings["allow.everyone.if.no.acl.found"] == "false"


def test_postgres_keeps_what_it_committed_and_listens_on_loopback_only() -> None:
    plain = lines_of(postgres_server.configuration(5433, preload_timescaledb=False))
    assert (plain["fsync"], plain["synchronous_commit"], plain["full_page_writes"]) == ("on", "on", "on")
    assert plain["listen_addresses"] == "127.0.0.1"
    assert plain["unix_socket_directories"] == ""
    assert "shared_preload_libraries" not in plain
    assert "timescaledb" in postgres_server.configuration(5433, preload_timescaledb=True)
    assert postgres_server.HOST_RULES.split() == ["host", "all", "all", "127.0.0.1/32", "scram-sha-256"]


def test_prometheus_scrapes_every_service_it_is_told() -> None:
    text = prometheus_server.configuration({"store": "127.0.0.1:20001", "api": "127.0.0.1:20002"})
    assert "targets: ['127.0.0.1:20001']" in text
    assert "service: 'store'" in text


def test_a_pid_file_is_removed_only_when_nothing_works_in_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n")
    monkeypatch.chdir(tmp_path)
    assert not postgres_server.remove_stale_pid_file(tmp_path)
    monkeypatch.chdir("/")
    assert postgres_server.remove_stale_pid_file(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


# What a machine lacks


def test_what_is_missing_is_named_in_one_sentence_with_the_packages() -> None:
    missing = programs.missing_packages(mosquitto=None, java="/usr/bin/java", postgres=None)
    sentence = programs.missing_sentence(missing)
    assert sentence == (
        "this machine lacks the MQTT broker Mosquitto, the database server PostgreSQL: "
        "install it with `sudo apt-get install --no-install-recommends mosquitto postgresql`"
    )


def test_up_on_a_machine_without_anything_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_program", lambda name: None)
    monkeypatch.setattr(programs, "find_postgres", lambda: None)
    with pytest.raises(UserError, match="mosquitto default-jre-headless postgresql"):
        stack.up(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_service_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no service stroe; the services are mqtt-to-kafka, store"):
        stack.up(tmp_path / "run", services=("stroe",))


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("?", None),
    ],
)
def test_the_version_of_java_is_read_from_what_it_prints(printed: str, version: int | None) -> None:
    assert programs.java_version(printed) == version


def test_the_newest_postgres_is_found_by_number_not_by_name(tmp_path: Path) -> None:
    for version in ("9", "15", "16"):
        (tmp_path / version / "bin").mkdir(parents=True)
    for version in ("9", "15"):
        (tmp_path / version / "bin" / "initdb").touch()
    assert programs.find_postgres(tmp_path) == tmp_path / "15" / "bin"


def test_kafkas_jars_are_compared_with_the_ones_that_were_tested(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"a")
    (tmp_path / "b.jar").write_bytes(b"b")
    expected = {"a.jar": hashlib.sha256(b"a").hexdigest(), "b.jar": "0" * 64, "c.jar": "0" * 64}
    assert kafka_jars.differences(tmp_path, expected) == ["c.jar is missing", "b.jar has another content"]
    known = kafka_jars.known_hashes(kafka_jars.HASHES_FILE.read_text())
    assert f"kafka_2.13-{kafka_jars.KAFKA_VERSION}.jar" in known
    assert f"<kafka.version>{kafka_jars.KAFKA_VERSION}</kafka.version>" in kafka_jars.POM_FILE.read_text()
