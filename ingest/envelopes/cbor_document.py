"""Reading CBOR (RFC 8949) that anybody may have sent, as far as SenML needs it: numbers, texts, truth values, arrays and maps.

Every failure is an `InvalidMessage` with its byte; depth and the number of items are bounded. Tags are passed over, as SenML gives them no
meaning of its own.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from models.domain.failures import DeadLetterReason, InvalidMessage

MAX_DEPTH = 16
MAX_ITEMS = 100_000
_INDEFINITE = 31
_BREAK = 0xFF
_FLOATS = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _OTHER = range(8)


def parse_cbor(payload: bytes) -> Any:
    """The one value that the payload is. Raises `InvalidMessage` malformed."""
    reader = _Reader(payload)
    value = reader.value(0)
    if reader.position != len(payload):
        raise reader.refused("something follows its end")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._items = 0
        self.position = 0

    def refused(self, detail: str) -> InvalidMessage:
        return InvalidMessage(
            DeadLetterReason.MALFORMED,
            f"the payload is not CBOR that we read: {detail}",
            at_byte=min(self.position, len(self._data)),
        )

    def value(self, depth: int) -> Any:
        self._items += 1
        if depth > MAX_DEPTH:
            raise self.refused(f"it is nested more than {MAX_DEPTH} deep")
        if self._items > MAX_ITEMS:
            raise self.refused(f"it has more than {MAX_ITEMS} items")
        head = self._take(1)[0]
        major, low = head >> 5, head & 0x1F
        if major == _OTHER:
            return self._other(low)
        if low == _INDEFINITE:
            return self._until_break(major, depth)
        count = self._count(low)
        if major == _UNSIGNED:
            return count
        if major == _NEGATIVE:
            return -1 - count
        if major == _BYTES:
            return self._take(count)
        if major == _TEXT:
            return self._text(count)
        if major == _TAG:
            return self.value(depth + 1)
        if major == _ARRAY:
            return [self.value(depth + 1) for _ in range(self._bounded(count))]
        return self._map((self.value(depth + 1), self.value(depth + 1)) for _ in range(self._bounded(count)))

    def _until_break(self, major: int, depth: int) -> Any:
        values = []
        if major not in (_ARRAY, _MAP):
            raise self.refused("only arrays and maps may be of indefinite length")
        while self.position < len(self._data) and self._data[self.position] != _BREAK:
            item = self.value(depth + 1)
            values.append((item, self.value(depth + 1)) if major == _MAP else item)
        self._take(1)
        return self._map(values) if major == _MAP else values

    def _map(self, pairs: Any) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in pairs:
            if type(key) not in (str, int):
                raise self.refused("the key of a map is neither a text nor a whole number")
            if key in found:
                raise self.refused("a key of a map comes twice")
            found[key] = value
        return found

    def _other(self, low: int) -> Any:
        if low in _FLOATS:
            form, length = _FLOATS[low]
            (number,) = struct.unpack(form, self._take(length))
            if not math.isfinite(number):
                raise self.refused("a number is not finite")
            return number
        if low in _SIMPLE:
            return _SIMPLE[low]
        raise self.refused(f"it has the simple value {low}")

    def _count(self, low: int) -> int:
        if low < 24:
            return low
        if low > 27:
            raise self.refused(f"an item begins with the reserved value {low}")
        return int.from_bytes(self._take(1 << low - 24), "big")

    def _bounded(self, count: int) -> int:
        """A length that the rest of the payload can hold, so that nothing is made for one that it cannot."""
        if count > len(self._data) - self.position:
            raise self.refused(f"it says {count} items where {len(self._data) - self.position} bytes are left")
        return count

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise self.refused("a text is not UTF-8") from None

    def _take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self._data):
            raise self.refused("it ends in the middle of an item")
        taken = self._data[self.position : end]
        self.position = end
        return taken
