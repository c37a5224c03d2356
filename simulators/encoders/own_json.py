"""Our own JSON payload for any kind: one reading per message, with its time and a sequence number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulators.batch import Batch, Device
from simulators.encoders.encoder import second_texts


class OwnJsonEncoder:
    """Own JSON of one kind; see `Encoder`."""

    def __init__(self, kind: str, decimals: Mapping[str, int]) -> None:
        self.decimals = decimals
        fields = "".join(f',"{name}":{_form(digits)}' for name, digits in decimals.items())
        self._template = f'{{"v":1,"kind":"{kind}","observed_at":"%sZ","seq":%d{fields}}}'

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]:
        columns: list[list[object]] = [list(second_texts(batch.observed_at_us)), batch.sequence.tolist()]
        for name, digits in self.decimals.items():
            values = batch.values[name].tolist()
            columns.append(["true" if value else "false" for value in values] if digits < 0 else values)
        template = self._template
        return [(template % row).encode() for row in zip(*columns, strict=True)]


def _form(digits: int) -> str:
    return "%s" if digits < 0 else f"%.{digits}f"
