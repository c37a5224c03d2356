"""What a vendor's JSON form is: from a payload to a report, with its traps; and reading a list of items of which one may be bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ingest.envelopes.json_document import schema, shown
from ingest.envelopes.uplink import Measured, Report
from models.domain.failures import InvalidMessage


@dataclass(frozen=True, slots=True)
class VendorForm:
    """`name` is the topic's second level and the registry's device model. `read(payload)` is pure and raises `InvalidMessage` and
    nothing else; `traps` are what is easily read wrong, a sentence each."""

    name: str
    title: str
    read: Callable[[bytes], Report]
    traps: tuple[str, ...]


def each(items: Iterable[dict[str, Any]], read: Callable[[dict[str, Any]], Measured]) -> list[Measured | InvalidMessage]:
    """A reading or a refusal of every item."""
    found: list[Measured | InvalidMessage] = []
    for item in items:
        try:
            found.append(read(item))
        except InvalidMessage as refused:
            found.append(refused)
    return found


def unknown_in(items: Iterable[dict[str, Any]], known: frozenset[str]) -> int:
    """How many fields are not in the vendor's published form."""
    return sum(len(item.keys() - known) for item in items)


def channel_in(item: dict[str, Any], key: str) -> str:
    """A vendor's number or name of a container as a channel. Raises `InvalidMessage` schema."""
    value = item.get(key)
    if type(value) is int or (type(value) is str and value):
        return str(value)
    raise schema(f"{key} must be a number or text, not {shown(value)}")
