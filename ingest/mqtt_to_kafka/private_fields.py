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
        return len(unwanted) + sum(_remove(inner, fields, depth - 1) for inner in value.values())
    if isinstance(value, list):
        return sum(_remove(inner, fields, depth - 1) for inner in value)
    return 0
