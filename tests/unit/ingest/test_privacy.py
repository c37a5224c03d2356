"""Names of personal fields are found however they are written, and nothing usual is taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.envelopes import chirpstack, the_things_stack
from ingest.privacy import FORBIDDEN_FIELDS, forbidden_in, forbidden_in_bytes, keyed_hash
from models.sensor_kinds import SENSOR_KINDS


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"card_id": 1}, ["cardid"]),
        ({"cardId": 1, "CARD-ID": 2}, ["cardid"]),
        ({"a": [{"b": {"User Address Id": 1}}]}, ["useraddressid"]),
        ({"vehicle_license_plate_front": "x"}, ["licenseplate"]),
        ({"RFID": None, "postcode": None}, ["postcode", "rfid"]),
        ([[{"e-mail": ""}]], ["email"]),
        ({"card" + "_" * 300 + "id": 1}, ["cardid"]),
        ({"value": "card_id"}, []),
        ({"dev_addr": 1, "devAddr": 2, "SuccessfulTransactionsSinceReset": 3, "StatusChipcards": 4, "name": "x"}, []),
        ({}, []),
    ],
)
def test_forbidden_names_are_found_at_any_depth(document: Any, found: list[str]) -> None:
    assert forbidden_in(document) == found
    assert forbidden_in(document) == found, "the second time, from what was remembered"


def test_every_listed_name_is_found_in_documents_and_in_broken_bytes() -> None:
    for name in FORBIDDEN_FIELDS:
        assert forbidden_in({"x": [{name.upper(): 1}]})
        assert forbidden_in_bytes(json.dumps({name: 1}).encode()[:-1])


def test_no_known_field_of_ours_or_of_a_network_server_is_forbidden() -> None:
    own = {column.name for kind in SENSOR_KINDS for column in kind.columns()} | {"v", "kind", "readings", "observed_at", "channel"}
    servers = the_things_stack._KNOWN | the_things_stack._KNOWN_IN_UPLINK | chirpstack._KNOWN
    assert forbidden_in(dict.fromkeys(own | servers)) == []


def test_very_many_different_keys_neither_fill_memory_nor_hide_one() -> None:
    for start in range(0, 20_000, 1000):
        assert forbidden_in({f"key{number}": 1 for number in range(start, start + 1000)} | {"bsn": 1}) == ["bsn"]


def test_broken_bytes_are_searched_for_keys_only() -> None:
    assert forbidden_in_bytes(b'\xff{"kenteken" : "AB-12-CD", "x": "rfid"') == ["kenteken"]
    assert forbidden_in_bytes(b'"' * 100_000) == []


def test_the_hash_is_keyed_and_steady() -> None:
    first = keyed_hash(b"payload", b"key")
    assert first == keyed_hash(b"payload", b"key")
    assert first != keyed_hash(b"payload", b"other key")
    assert first != keyed_hash(b"payload.", b"key")
    assert len(first) == 64
