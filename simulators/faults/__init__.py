"""What goes wrong with sensors and networks, by name and rate: each fault a small class that disturbs a batch and marks the
rows it touched, so that the truth beside the messages says what happened to each.

A rate is a share, of messages or of each sensor's time; each fault says which. Several faults may strike one row; which fate it then
has to have is worked out in `simulators.fates`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.domain.failures import UserError
from simulators.faults.fault import Fault, Sensors, plain_sensors
from simulators.faults.of_messages import ClockErrors, Garbled, Reboots, UnknownFields, UnknownVersion, spoilt
from simulators.faults.of_sending import BatteryDeath, Duplicates, Late, LateInBulk, OutOfOrder, Silence
from simulators.faults.of_values import BlockedInlet, CoveredLens, Drift, FalseFull, Noise, Spikes, Stuck, Tilt
from simulators.faults.swaps import Swaps

__all__ = [
    "DEFAULT_RATES", "EVERY_FAULT", "FAULTS", "BatteryDeath", "BlockedInlet", "ClockErrors", "CoveredLens", "Drift", "Duplicates", "FalseFull",
    "Fault", "Garbled", "Late", "LateInBulk", "Noise", "OutOfOrder", "Reboots", "Sensors", "Silence", "Spikes", "Stuck", "Swaps", "Tilt",
    "UnknownFields", "UnknownVersion", "parse_rates", "plain_sensors", "spoilt",
]  # fmt: skip

FAULTS: tuple[type[Fault], ...] = (
    Noise, Spikes, Drift, Stuck, FalseFull, CoveredLens, Tilt, BlockedInlet,
    Silence, BatteryDeath,
    ClockErrors, Reboots, UnknownFields, UnknownVersion, Garbled,
    Late, OutOfOrder, LateInBulk, Duplicates,
    Swaps,
)  # fmt: skip
"""In the order in which they strike: first the sensor, then the device, the message, the way. A swap comes last: from then on a row is of
another device."""

DEFAULT_RATES: Mapping[str, float] = {"noise": 0.01, "silence": 0.005, "garbled": 0.0005, "late": 0.005, "duplicates": 0.003}

EVERY_FAULT: Mapping[str, float] = {fault.name: fault.RATE for fault in FAULTS}
"""All faults on: `--fault all`."""


def parse_rates(texts: Sequence[str]) -> dict[str, float]:
    """`["late=0.01", …]` → rates by name; "none" alone for no fault at all, "all" for every fault at its usual rate, those that
    follow it at theirs. Raises `UserError` with what is possible."""
    if list(texts) == ["none"]:
        return {}
    rates: dict[str, float] = {}
    for text in texts:
        if text == "all":
            rates |= EVERY_FAULT
            continue
        name, _, number = text.partition("=")
        if name not in EVERY_FAULT:
            raise UserError(f"there is no fault {name!r}; faults are {', '.join(EVERY_FAULT)}, all or none")
        try:
            rates[name] = float(number)
        except ValueError:
            raise UserError(f"a fault is given as name=rate, for example {name}=0.01, not {text!r}") from None
        if not 0 <= rates[name] < 1:
            raise UserError(f"the rate of {name} is a share from 0 to below 1, not {number}")
    return rates
