"""Every format that is read goes through MQTT, Kafka and the store: what a simulated device of it measured is what is stored, once."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import numpy as np
import pytest

from deploy.local import stack
from ingest.codecs import CODECS
from ingest.device_models import DEVICE_MODELS
from models.sensor_kinds import kind_by_name
from runtime.mqtt_publisher import MqttPublisher
from runtime.postgres import connected
from runtime.settings import DatabaseSettings, MqttSettings, load
from simulators.batch import Batch, Device, sound_batch
from simulators.encoders.by_model import encoder_for
from simulators.encoders.ndw import publication, site_measurements
from simulators.registry_files import SENSOR_COLUMNS, write_csv, write_geojson
from storage.dead_letters import dead_letter_counts
from storage.readings import reading_history
from tests.end_to_end.books import books, settled_books
from tests.unit.simulators.test_frame_encoders import DECIMALS, VALUES

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300)]

AT = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
"""Whole minutes: some forms say no more."""


class Sender(NamedTuple):
    """A device or account of one format; `channel` as the registry has it."""

    model: str
    kind: str
    mqtt_topic: str
    sensor_id: str
    channel: str = ""

    @property
    def thing_id(self) -> str:
        return f"of-{self.model}-{self.kind}".replace("_", "-")


def _senders() -> list[Sender]:
    found = []
    for number, codec in enumerate(CODECS):
        dev_eui = f"24e124713c00{number:04x}"
        through = encoder_for(codec.name, codec.kind, {})
        stack_topic, chirpstack_topic = f"v3/c@almere/devices/eui-{dev_eui}/up", f"application/c/device/{dev_eui}/event/up"
        topic = stack_topic if "Things" in type(through).__name__ else chirpstack_topic
        found.append(Sender(codec.name, codec.kind, topic, dev_eui))
    return [
        *found,
        Sender("stadspuls_json", "container_fill", "stadspuls/v1/own-1/readings", "own-1"),
        Sender("senml", "container_fill", "senml/senml-1", "senml-1"),
        Sender("senml", "traffic_flow", "senml/senml-2", "senml-2"),
        Sender("lwm2m_3435", "container_fill", "lwm2m/lwm2m-1", "lwm2m-1"),
        Sender("ngsi_ld", "container_fill", "ngsi-ld/broker-1", "broker-1", "urn:ngsi-ld:WasteContainer:42"),
        Sender("ngsi_ld", "traffic_flow", "ngsi-ld/broker-2", "broker-2", "urn:ngsi-ld:TrafficFlowObserved:7"),
        Sender("enevo", "container_fill", "vendor/enevo/enevo-1", "enevo-1", "11"),
        Sender("sidcon", "container_fill", "vendor/sidcon/sidcon-1", "sidcon-1"),
        Sender("deposits", "container_fill", "vendor/deposits/deposits-1", "deposits-1", "42"),
        Sender("weighings", "container_fill", "vendor/weighings/crane-1", "crane-1", "C-042"),
        Sender("sparkplug_b", "container_fill", "sparkplug/g/DDATA/n/d", "g:n:d"),
        Sender("ndw_trafficspeed", "traffic_flow", "ndw/trafficspeed/RWS01_X", "RWS01_X", "1"),
        Sender("ndw_bridge_openings", "bridge_state", "ndw/bridges/NLX", "NLX"),
    ]


SENDERS = _senders()
WITHOUT_ENCODER = {"bintel", "smartclean", "thingsboard"}
"""Of these only excerpts of the form are public: they have vectors, and no simulated device."""
EXTRA_READINGS = {"ndw_bridge_openings": 1}
"""A road that is passable again is sent with the whole opening: its begin is a reading too."""


@pytest.fixture(scope="module")
def run_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stadspuls-formats-"))
    try:
        stack.up(folder, services=("mqtt-to-kafka", "store"), prometheus=False, owner_pid=os.getpid())
        yield folder
    finally:
        stack.remove(folder)


def test_every_device_model_has_a_sender_here() -> None:
    assert {sender.model for sender in SENDERS} | WITHOUT_ENCODER == DEVICE_MODELS


async def test_what_was_measured_is_stored_once(run_dir: Path) -> None:
    _register(run_dir)
    batch = _two()
    publisher = MqttPublisher(load(MqttSettings, "simulator", run_dir), client_id="stadspuls-test")
    await publisher.start()
    for _ in range(2):  # everything twice: the second time stores nothing
        for sender in SENDERS:
            device = Device(
                sender.sensor_id, sender.model, sender.kind, sender.thing_id, sender.channel or "main", sender.mqtt_topic
            )
            for payload in encoder_for(sender.model, sender.kind, DECIMALS.get(sender.kind, {})).payloads([device], batch):
                await publisher.publish(sender.mqtt_topic, payload)
    await publisher.drain()
    await publisher.stop()
    totals = await settled_books(run_dir, publisher.sent)
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        assert not any((await dead_letter_counts(connection)).values())
        for sender in SENDERS:
            kind = kind_by_name(sender.kind)
            assert kind is not None
            rows = await reading_history(connection, kind, sender.thing_id, AT - timedelta(days=1), AT + timedelta(days=1))
            decimals = encoder_for(sender.model, sender.kind, DECIMALS.get(sender.kind, {})).decimals
            at = {row["observed_at"]: row for row in rows}
            assert len(rows) == 2 + EXTRA_READINGS.get(sender.model, 0), sender
            for place, moment in enumerate((AT - timedelta(hours=1), AT)):
                stored = {name: float(at[moment][name]) for name in decimals}
                assert stored == {name: VALUES[name][place] for name in decimals}, sender
    assert (totals.messages_imbalance, totals.readings_imbalance, totals.messages_dead_lettered) == (0, 0, 0)
    stored_readings = 2 * len(SENDERS) + sum(EXTRA_READINGS.values())
    assert (totals.readings_stored, totals.readings_duplicate) == (stored_readings, stored_readings)


async def test_a_file_of_ndw_is_fetched_cut_and_stored(run_dir: Path, tmp_path: Path) -> None:
    """Of the country's sites only the registered one goes on; the site's minute is the reading's."""
    if not (run_dir / "formats").exists():
        _register(run_dir)
    before = (await books(run_dir)).messages_received
    at = (AT + timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
    sites = [site_measurements(name, at, {1: ("flow", 120)}) for name in ("RWS01_W", "RWS01_X", "RWS01_Y")]
    (tmp_path / "trafficspeed.xml.gz").write_bytes(gzip.compress(publication("roa:MeasuredDataPublication", sites, at)))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        said = await asyncio.to_thread(
            _stadspuls, run_dir, "pull-ndw", f"http://127.0.0.1:{server.server_port}/trafficspeed.xml.gz", "--once"
        )
        server.shutdown()
    assert said.startswith("1 messages published")
    await settled_books(run_dir, before + 1)
    kind = kind_by_name("traffic_flow")
    assert kind is not None
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        since = AT + timedelta(minutes=30)
        rows = await reading_history(connection, kind, "of-ndw-trafficspeed-traffic-flow", since, since + timedelta(minutes=1))
    assert [(row["observed_at"], row["flow_per_h"], row["vehicle_count"]) for row in rows] == [(since, 120.0, 2)]


def _two() -> Batch:
    at_us = int(AT.timestamp()) * 1_000_000
    return sound_batch(
        device=np.zeros(2, np.int64),
        observed_at_us=np.array([at_us - 3_600_000_000, at_us]),
        send_at_us=np.array([at_us, at_us]),
        sequence=np.array([0, 1]),
        values={name: np.array(pair) for name, pair in VALUES.items()},
        truth=np.zeros(2),
    )


def _register(run_dir: Path) -> None:
    folder = run_dir / "formats"
    folder.mkdir()
    features, rows = [], []
    for sender in SENDERS:
        kind = kind_by_name(sender.kind)
        assert kind is not None
        container = {"fraction": "residual", "capacity_l": 5000} if kind.thing_type == "container" else {}
        about = {"type": kind.thing_type, "id": sender.thing_id, "name": sender.thing_id, **container}
        features.append({"type": "Feature", "geometry": {"type": "Point", "coordinates": [5.2, 52.3]}, "properties": about})
        rows.append(
            (sender.sensor_id, sender.model, sender.kind, sender.thing_id, "main", sender.channel, "2020-01-01T00:00:00Z", "", "")
        )
    write_geojson(folder / "things.geojson", features)
    write_csv(folder / "sensors.csv", SENSOR_COLUMNS, rows)
    _stadspuls(run_dir, "registry", "import", str(folder))


def _stadspuls(run_dir: Path, *arguments: str) -> str:
    """What the command prints."""
    environment = {**os.environ, "STADSPULS_RUN_DIR": str(run_dir)}
    command = [sys.executable, "-m", "stadspuls", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
