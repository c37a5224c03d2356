"""Cuts NDW's files for the whole country into one message per measuring site or bridge, byte for byte as NDW wrote them. Pure.

Only what a topic is wanted for is kept. The file is read as a stream of events and never held as a tree; a document type is refused,
as in `xml_document`.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from typing import NamedTuple
from xml.parsers import expat

from ingest.envelopes.ndw import BRIDGES_PREFIX, TRAFFIC_PREFIX, bridge_of
from models.domain.failures import UserError

MAX_FILE_BYTES = 512 * 1024 * 1024
_GZIP = b"\x1f\x8b"


class Cut(NamedTuple):
    """A message of one site or bridge."""

    mqtt_topic: str
    payload: bytes


class _Feed(NamedTuple):
    """Which element becomes a message, and which attribute of which element within says what it is of."""

    element: str
    named_by: str
    topic_prefix: str


_FEEDS = (
    _Feed("siteMeasurements", "measurementSiteReference", TRAFFIC_PREFIX),
    _Feed("situation", "situationRecord", BRIDGES_PREFIX),
)


def unpacked(data: bytes, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """A file as it came or out of gzip. Raises `UserError` for one that is broken or too large."""
    if data.startswith(_GZIP):
        unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            data = unpacker.decompress(data, max_bytes + 1)
        except zlib.error as error:
            raise UserError(f"the file is not whole gzip: {error}") from None
        if not unpacker.eof and len(data) <= max_bytes:
            raise UserError("the file is not whole gzip: it ends in the middle")
    if len(data) > max_bytes:
        raise UserError(f"the file has more than {max_bytes} bytes unpacked")
    return data


def cut(document: bytes, wanted: Collection[str] | None = None) -> Iterator[Cut]:
    """A message of each wanted site or bridge (all, where `wanted` is None). Raises `UserError` for what is not NDW's XML."""
    yield from _Cutter(document, wanted).cuts()


class _Cutter:
    """One reading of one file."""

    def __init__(self, document: bytes, wanted: Collection[str] | None) -> None:
        self._document = document
        self._wanted = wanted
        self._found: list[Cut] = []
        self._namespaces: dict[str, str] = {}
        self._feed: _Feed | None = None
        self._start = 0
        self._name = ""
        self._parser = parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end

    def cuts(self) -> list[Cut]:
        try:
            self._parser.Parse(self._document, True)
        except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: of an encoding that is none, or none of bytes
            raise UserError(f"the file is not whole XML: {error}") from None
        return self._found

    def _refuse(self, *_: object) -> None:
        raise UserError("the file declares a document type, which NDW's files never do")

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if self._feed is None:
            self._namespaces |= {key: value for key, value in attributes.items() if key == "xmlns" or key.startswith("xmlns:")}
            self._feed = next((feed for feed in _FEEDS if feed.element == local), None)
            if self._feed is not None:
                self._start, self._name = self._parser.CurrentByteIndex, ""
        elif local == self._feed.named_by and not self._name:
            named = attributes.get("id", "")
            self._name = bridge_of(named) if self._feed.topic_prefix == BRIDGES_PREFIX else named

    def _on_end(self, name: str) -> None:
        feed = self._feed
        if feed is None or name.rpartition(":")[2] != feed.element:
            return
        self._feed = None
        if not self._name or (self._wanted is not None and self._name not in self._wanted) or set("/+#\0") & set(self._name):
            return
        # The parser stands at the end tag, which closes with the next ">".
        end = self._document.index(b">", self._parser.CurrentByteIndex) + 1
        declared = "".join(f' {key}="{_escaped(value)}"' for key, value in sorted(self._namespaces.items()))
        payload = f"<ndw{declared}>".encode() + self._document[self._start : end] + b"</ndw>"
        self._found.append(Cut(feed.topic_prefix + self._name, payload))


def _escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
