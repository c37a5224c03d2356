"""SenML packs (RFC 8428) of any kind: base name and time once, then a record per quantity under our own names, which have the unit in
them; and LwM2M's filling level sensor (object 3435), which its server hands on in SenML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simulators.batch import Batch, Device


class SenmlEncoder:
    """A pack per reading; see `Encoder`."""

    def __init__(self, decimals: Mapping[str, int]) -> None:
        self.decimals = decimals

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]:
        packs: list[list[dict[str, Any]]] = []
        for row, (device, at_us) in enumerate(zip(batch.device.tolist(), batch.observed_at_us.tolist(), strict=True)):
            pack = []
            for name, digits in self.decimals.items():
                value = float(batch.values[name][row])
                if not np.isnan(value):
                    pack.append({"n": name, "vb": value > 0} if digits < 0 else {"n": name, "v": round(value, digits)})
            pack[0] = {"bn": f"urn:dev:ops:stadspuls-{devices[device].sensor_id}:", "bt": at_us / 1e6, **pack[0]}
            packs.append(pack)
        return [json.dumps(pack, separators=(",", ":")).encode() for pack in packs]


class Lwm2mLevelEncoder:
    """Filling level in per cent, out of position, timestamp and quality of object 3435; see `Encoder`."""

    decimals: Mapping[str, int] = {"reported_fill_ratio": 2, "tilted": -1}
    _ACCEPTED = 4

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]:
        columns = (batch.observed_at_us.tolist(), batch.values["reported_fill_ratio"].tolist(), batch.values["tilted"].tolist())
        return [
            json.dumps(
                [
                    {"bn": "/3435/0/", "bt": at_us / 1e6, "n": "2", "u": "%", "v": round(fill * 100)},
                    {"n": "13", "vb": tilted > 0},
                    {"n": "5518", "v": at_us // 1_000_000},
                    {"n": "6042", "v": self._ACCEPTED},
                ]
            ).encode()
            for at_us, fill, tilted in zip(*columns, strict=True)
        ]
