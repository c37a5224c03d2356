"""The privacy filter at the door: listed fields of listed sources are removed before anything is written anywhere.

For sources that are known to send personal data, such as the numbers of access cards. What is left of the reading goes on. A payload
of such a source that cannot be read, or is too large to go on whole, goes on without its bytes: they may hold what must not be kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from paho.mqtt.client import topic_matches_sub

MAX_DEPTH = 200
_NOT_A_LETTER_OR_DIGIT = re.compile(r"[\W_]+")


class Filtered(NamedTuple):
    """A payload without its listed fields. `payload` is None when it could not be read: its bytes must not go on."""

    payload: bytes | None
    removed: int


class PrivateFields:
    """Which fields to remove from which MQTT topics; the configuration's filters are MQTT topic filters with + and #."""

    def __init__(self, fields_by_filter: Mapping[str, Sequence[str]]) -> None:
        self._fields_by_filter = {found: frozenset(map(normalised, fields)) for found, fields in fields_by_filter.items()}

    def of(self, mqtt_topic: str) -> frozenset[str]:
        """The fields to remove from this topic's payloads, normalised; empty for nearly every topic."""
        matching = [fields for found, fields in self._fields_by_filter.items() if topic_matches_sub(found, mqtt_topic)]
        return frozenset().union(*matching)


def normalised(name: str) -> str:
    """A field's name without case and separators, as `ingest.privacy` compares names behind this door (`Card_ID` = `cardId`)."""
    return _NOT_A_LETTER_OR_DIGIT.sub("", name).lower()


def remove_fields(payload: bytes, fields: frozenset[str]) -> Filtered:
    """The JSON payload without these keys, at any depth; byte for byte the same when it has none of them."""
    try:
        document = json.loads(payload)
        removed = _remove(document, fields, MAX_DEPTH)
    except (ValueError, RecursionError):
        return Filtered(None, 0)
    if not removed:
        return Filtered(payload, 0)
    return Filtered(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"), removed)


def _remove(value: Any, fields: frozenset[str], depth: int) -> int:
    """Removes the keys in place and returns how many; `ValueError` for nesting that no sensor sends."""
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        unwanted = [key for key in value if normalised(key) in fields]
        for key in unwanted:
            del value[key]
        return len(unwanted) + _remove_columns(value, fields) + sum(_remove(inner, fields, depth - 1) for inner in value.values())
    if isinstance(value, list):
        return sum(_remove(inner, fields, depth - 1) for inner in value)
    return 0


def _remove_columns(table: dict[str, Any], fields: frozenset[str]) -> int:
    """Removes the listed columns of a column array (`Fields` has the names, `Records` the rows): there a field is no key.

    `ValueError` where a name is listed and a row does not have the columns that the names say: its values cannot be told apart.
    """
    names, records = table.get("Fields"), table.get("Records")
    if not isinstance(names, list) or not isinstance(records, list):
        return 0
    unwanted = [place for place, name in enumerate(names) if isinstance(name, str) and normalised(name) in fields]
    if not unwanted:
        return 0
    if any(not isinstance(record, list) or len(record) != len(names) for record in records):
        raise ValueError("a row has not as many values as there are columns")
    for row in (names, *records):
        for place in reversed(unwanted):
            del row[place]
    return len(unwanted)
