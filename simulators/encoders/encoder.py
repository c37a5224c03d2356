"""What an encoder is: a batch of one device model's readings in, the payloads of their MQTT messages out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from simulators.batch import Batch, Device, Floats, Ints


class Encoder(Protocol):
    """Encodes what one device model sends. Pure: the same device and reading give the same bytes.

    `decimals` are the quantities that the device reports and how finely; `payloads` is given values that are rounded so.
    `index` tells devices apart and is what the rows' `device` refers to.
    """

    @property
    def decimals(self) -> Mapping[str, int]: ...

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]: ...


def rounded(values: Mapping[str, Floats], decimals: Mapping[str, int]) -> dict[str, Floats]:
    """The values as this device reports them; NaN for what it does not report. -1 decimals stand for true or false."""
    return {
        name: np.round(column, max(0, decimals[name])) if name in decimals else np.full(len(column), np.nan)
        for name, column in values.items()
    }


def second_texts(times_us: Ints) -> list[str]:
    """ISO 8601 to the second, without a zone letter."""
    texts: list[str] = np.datetime_as_string(times_us.astype("datetime64[us]"), unit="s").tolist()
    return texts


def microsecond_texts(times_us: Ints) -> list[str]:
    """ISO 8601 with six decimals, without a zone letter."""
    texts: list[str] = np.datetime_as_string(times_us.astype("datetime64[us]"), unit="us").tolist()
    return texts
