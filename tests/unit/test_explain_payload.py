"""`stadspuls explain-payload`: which envelope and codec, the bytes of each value, and why and where something is rejected."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ingest.codecs import CODECS
from ingest.codecs.codec import Codec
from models.domain.failures import UserError
from stadspuls.commands import developer
from tests.unit.ingest.format_samples import SAMPLES, Sample
from tests.unit.ingest.samples import chirpstack_body, things_stack_body, valid_messages

EM310_FRAME = "01755c03824408040001"
DL_MBX_FRAME = "02012f000304d200010bb1"
AT = ("--received-at", "2026-11-22T10:00:05Z")

app = typer.Typer()
developer.add_verbs(app)


def explained(*arguments: str, status: int = 0, given: bytes | dict[str, Any] | None = None) -> str:
    """What the command prints; it must end with this status."""
    body = json.dumps(given).encode() if isinstance(given, dict) else given
    result = CliRunner().invoke(app, ["explain-payload", *arguments, *AT], input=body, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def own(**fields: Any) -> dict[str, Any]:
    return {"v": 1, "kind": "container_fill", "observed_at": "2026-11-22T10:00:00Z", **fields}


def test_a_frame_is_shown_byte_by_byte() -> None:
    said = explained(EM310_FRAME, "--device-model", "milesight_em310_udl", "--geometry", "2300:300")
    assert said.splitlines()[2:] == [
        "Codec       milesight_em310_udl: Milesight EM310-UDL ultrasonic level sensor, port 85",
        "  0000  01 75 5c 03 82 44 08 04 00 01",
        "              aa       bb bb       cc",
        "  a  byte 2       battery_ratio        0.92",
        "  b  bytes 5–6    distance_mm          2116 mm",
        "  c  byte 9       tilted               yes",
        "",
        "Reading 0   container_fill",
        "  observed_at              2026-11-22T10:00:05+00:00   (network time)",
        "  distance_mm              2116 mm",
        "  tilted                   yes",
        "  battery_ratio            0.92",
        "  fill_ratio               0.092   (derived)",
    ]


def test_a_reading_without_a_time_says_what_it_is_known_by() -> None:
    said = explained("-", given={"v": 1, "kind": "container_fill", "seq": 7, "distance_mm": 840})
    assert "no time in the payload: a reading is known by its sequence number" in said


@pytest.mark.parametrize(
    "written", ["0x" + DL_MBX_FRAME, DL_MBX_FRAME.upper(), "02 01 2f 00 03 04 d2 00 01 0b b1", "02:01:2f:00:03:04:d2:00:01:0b:b1"]
)
def test_hex_may_be_written_as_people_copy_it(written: str) -> None:
    assert "distance_mm          1234 mm" in explained(written)


def test_without_a_device_model_the_codecs_that_read_the_bytes_are_found() -> None:
    said = explained(DL_MBX_FRAME)
    assert "decentlab_dl_mbx" in said
    assert "milesight" not in said
    assert "fill_ratio               not derived: --geometry EMPTY:FULL" in said


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_every_codecs_example_is_explained(codec: Codec) -> None:
    frame, f_port = codec.example
    said = explained(frame, "--device-model", codec.name, "--port", str(f_port))
    assert codec.title in said
    assert f"Reading 0   {codec.kind}" in said


@pytest.mark.parametrize("message", valid_messages(), ids=lambda message: message.mqtt_topic)
def test_every_valid_message_is_explained_from_a_file(message: Any, tmp_path: Path) -> None:
    path = tmp_path / "payload.json"
    path.write_bytes(message.payload)
    said = explained(str(path), "--topic", message.mqtt_topic)
    assert "Reading 0" in said
    assert "Rejected" not in said


def test_a_frame_that_breaks_off_is_marked_behind_its_last_byte() -> None:
    said = explained("01755c038244", "--device-model", "milesight_em310_udl", status=1)
    assert "  0000  01 75 5c 03 82 44\n                          ^^\n" in said
    assert "Rejected    malformed, byte 6 of the frame: the frame ends at byte 6, in the middle of distance_mm" in said


def test_a_value_out_of_range_is_marked_under_its_byte() -> None:
    said = explained("01757f03824408", "--device-model", "milesight_em310_udl", status=1)
    assert "              ^^       bb bb" in said
    assert "Rejected    range, byte 2 of the frame: battery_ratio is 1.27, allowed is 0 to 1" in said


def test_bytes_that_nobody_reads_say_why_for_each_codec() -> None:
    said = explained("ffff", status=1)
    assert all(f"  {codec.name} (port" in said for codec in CODECS)


def test_bytes_behind_an_unknown_channel_are_pointed_out() -> None:
    said = explained("01755c 99990102", "--device-model", "milesight_em310_udl")
    assert "From byte 3 on nothing was read" in said
    assert "Not known   1 field" in said


def test_the_network_servers_are_told_apart_by_their_payload() -> None:
    said = explained("-", given=things_stack_body(EM310_FRAME), status=0)
    assert "Envelope    The Things Stack v3" in said
    assert "Uplink      frame 12 on port 85, 2026-11-22T10:00:00.323456+00:00 (network time)" in said
    said = explained("-", "--device-model", "decentlab_dl_mbx", given=chirpstack_body(DL_MBX_FRAME, 1))
    assert "Envelope    ChirpStack v4" in said
    assert "application/example/device/a81758fffe0abcde/event/up   (guessed" in said


def test_the_network_servers_product_chooses_the_codec_and_may_contradict() -> None:
    body = things_stack_body(EM310_FRAME)
    body["uplink_message"]["version_ids"] = {"brand_id": "milesight-iot", "model_id": "em310-udl"}
    assert "Codec       milesight_em310_udl" in explained("-", given=body)
    said = explained("-", "--device-model", "decentlab_dl_mbx", given=body, status=1)
    assert "Rejected    schema: the sensor is registered as decentlab_dl_mbx, but the network server says" in said


def test_own_json_names_what_it_does_not_know() -> None:
    said = explained("-", "--geometry", "2000:300", given=own(distance_mm=840, firmware="1.2"))
    assert "Envelope    Stadspuls JSON, version 1" in said
    assert "  fill_ratio               0.682353   (derived)" in said
    assert "Not known   1 field, counted and left out: 'firmware'" in said


def test_own_json_with_several_readings_says_which_are_rejected() -> None:
    readings = [{"observed_at": "2026-11-22T10:00:00Z", "channel": "x", "distance_mm": value} for value in (1, 99_999)]
    said = explained("-", given={"v": 1, "kind": "container_fill", "readings": readings})
    assert "Reading 0   container_fill" in said
    assert "Reading 1   rejected: range: distance_mm is 99999 mm" in said


def test_broken_text_has_a_mark_under_the_byte() -> None:
    said = explained("-", given=b'{"v":1,"kind":NaN}', status=1).splitlines()
    place = said.index('  {"v":1,"kind":NaN}')
    assert said[place + 1] == "                ^ byte 14"
    assert "Rejected    malformed, byte 14: the payload is not JSON from byte 14 on" in said[place - 1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (own(kind="parrot", distance_mm=1), "there is no kind 'parrot'; there are container_fill"),
        (own(distance_mm=1, card_id="04A2"), "Rejected    privacy: the payload has fields for personal data: cardid"),
        (own(observed_at="2025-11-22T10:00:00Z", distance_mm=1), "Rejected    clock"),
        (b"[1, 2]", "must be a JSON object, not a list"),
    ],
)
def test_other_rejections_say_why_and_what_to_do(given: Any, words: str) -> None:
    said = explained("-", given=given, status=1)
    assert words in said
    assert "What to do" in said
    assert "04A2" not in said.split("Rejected")[1]


def test_a_message_that_never_carries_a_reading_says_so() -> None:
    said = explained("-", "--topic", "v3/waste@ttn/devices/bin-1/join", given=b"{}", status=1)
    assert "Event       join: such a message never carries a reading" in said
    assert "No reading" in explained("ff0bff", "--device-model", "milesight_em310_udl", status=1)


def test_hex_may_stand_in_a_file_or_come_by_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "frame.txt"
    path.write_text(DL_MBX_FRAME + "\n")
    assert explained(str(path)) == explained("-", given=DL_MBX_FRAME.encode()) == explained(DL_MBX_FRAME)
    path.write_bytes(base64.b16decode(DL_MBX_FRAME.upper()))
    assert explained(str(path)) == explained(DL_MBX_FRAME)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing-here.json"], "neither hex"),
        ([DL_MBX_FRAME, "--device-model", "parrot"], "no device model 'parrot'"),
        ([DL_MBX_FRAME, "--geometry", "300:2300"], "empty must be farther"),
        ([DL_MBX_FRAME, "--geometry", "full"], "such as 2300:300"),
    ],
)
def test_mistakes_of_the_user_are_sentences(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        explained(*arguments)


def test_the_help_has_an_example_that_works() -> None:
    text = developer.explain_payload.__doc__ or ""
    (line,) = [line.strip() for line in text.splitlines() if line.strip().startswith("stadspuls explain-payload")]
    assert "Reading 0" in explained(*line.split()[2:])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.mqtt_topic)
def test_every_other_form_is_explained_by_its_topic(sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "payload"
    path.write_bytes(sample.payload)
    said = explained(str(path), "--topic", sample.mqtt_topic)
    assert f"Sensor      {sample.sensor_id}, taken to be registered" in said
    assert f"Reading 0   {sample.kind}" in said
    assert "rejected" not in said.lower()


def test_a_pack_of_senml_is_recognised_without_its_topic(tmp_path: Path) -> None:
    path = tmp_path / "pack.json"
    path.write_bytes(SAMPLES[1].payload)
    said = explained(str(path))
    assert "MQTT topic  senml/example   (guessed" in said
    assert "distance_mm              840 mm" in said


def test_xml_that_is_refused_is_shown_where() -> None:
    path = "<!DOCTYPE x><x/>"
    said = explained("-", "--topic", "ndw/trafficspeed/S", given=path.encode(), status=1)
    assert "Rejected    malformed" in said
    assert "document type" in said
