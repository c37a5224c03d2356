"""Pictures of bytes for people: a hex dump with a letter under each value, and a line of text with a mark under one place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_lowercase

from ingest.codecs.codec import Part

BYTES_PER_ROW = 16
_SNIPPET_BEFORE, _SNIPPET_AFTER = 48, 24


def letter(place: int) -> str:
    """a, b, … z, then a again: enough to find a value by its place in the table."""
    return ascii_lowercase[place % len(ascii_lowercase)]


def marked_dump(frame: bytes, parts: Sequence[Part], at_byte: int | None = None) -> Iterator[str]:
    """Rows of 16 bytes in hex; under them the letter of the value that each byte belongs to, and ^^ where reading failed.

    A frame that ended too early is marked behind its last byte.
    """
    marks = ["  "] * (len(frame) + 1)
    for place, part in enumerate(parts):
        marks[part.start : part.end] = [letter(place) * 2] * (part.end - part.start)
    if at_byte is not None and at_byte <= len(frame):
        marks[at_byte] = "^^"
    shown = len(frame) + (1 if at_byte == len(frame) else 0)
    for start in range(0, max(shown, 1), BYTES_PER_ROW):
        row = frame[start : start + BYTES_PER_ROW]
        yield f"  {start:04d}  {row.hex(' ')}".rstrip()
        under = " ".join(marks[start : min(start + BYTES_PER_ROW, shown)]).rstrip()
        if under:
            yield f"        {under}"


def marked_text(payload: bytes, at_byte: int) -> Iterator[str]:
    """The text around a byte, with a mark under it; what cannot be printed is shown as a dot."""
    start = max(0, at_byte - _SNIPPET_BEFORE)
    before = _printable(payload[start:at_byte])
    after = _printable(payload[at_byte : at_byte + _SNIPPET_AFTER])
    head = "…" if start else ""
    tail = "…" if at_byte + _SNIPPET_AFTER < len(payload) else ""
    yield f"  {head}{before}{after}{tail}"
    yield f"  {' ' * len(head + before)}^ byte {at_byte}"


def _printable(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() and sign != "\ufffd" else "·" for sign in text)
