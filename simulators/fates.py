"""What must become of each message that is sent: stored, recognised as a duplicate, or a dead letter of a certain reason.

Worked out from what the faults did, the registry's assignments and what was sent before: never by asking the pipeline's own code, whose
answer it is there to check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.domain.failures import DeadLetterReason
from simulators.batch import Batch, Bools, Device, Floats, Ints
from simulators.faults import UnknownVersion
from simulators.faults.swaps import Swap
from simulators.ledger import Fate

REASONS: tuple[DeadLetterReason, ...] = (
    DeadLetterReason.MALFORMED, DeadLetterReason.SCHEMA, DeadLetterReason.UNKNOWN_THING, DeadLetterReason.CLOCK, DeadLetterReason.IDENTITY,
)  # fmt: skip
"""A `reason` is a place in here; -1 where there is none."""
NO_REASON = -1

OWN_MODEL = "stadspuls_json"
"""Devices of this model state their own time; for the others the network server does."""
_VERSION_IN_FRAME = frozenset({"decentlab_dl_mbx"})
_FAR_AHEAD_US = 366 * 86_400 * 1_000_000
_REMEMBERED_US = 46 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Judged:
    """Messages in the order in which they are sent, each with its fate and reason."""

    batch: Batch
    fate: Ints
    reason: Ints


class Fates:
    """Judges the messages of one simulator's devices, those that replace others included. `watch_identities` is needed where clocks
    are wrong: only then can two readings state the same time."""

    def __init__(
        self,
        devices: Sequence[Device],
        swaps: Sequence[Swap],
        *,
        registered_from_s: int,
        history_from_s: int,
        watch_identities: bool,
    ) -> None:
        self._own = np.array([device.device_model == OWN_MODEL for device in devices])
        self._version_in_frame = np.array([device.device_model in _VERSION_IN_FRAME for device in devices])
        self._registered = np.ones(len(devices), np.bool_)
        self._valid_from_us = np.full(len(devices), registered_from_s * 1_000_000)
        self._valid_to_us = np.full(len(devices), np.iinfo(np.int64).max)
        self._place = np.arange(len(devices))
        for number, swap in enumerate(swaps, start=len(devices) - len(swaps)):
            self._registered[number] = swap.registered
            self._valid_from_us[number] = swap.at_s * 1_000_000
            self._place[number] = swap.old
            if swap.registered:
                self._valid_to_us[swap.old] = swap.at_s * 1_000_000
        self._history_from_us = history_from_s * 1_000_000
        self._seen: dict[int, dict[int, tuple[float | None, ...]]] | None = {} if watch_identities else None

    def judge(self, batch: Batch) -> Judged:
        """`batch` holds messages in the order in which they are sent; called with all of them, hour by hour."""
        device, stated = batch.device, batch.stated_at_us
        unknown_version = batch.fault & UnknownVersion.bit > 0
        clock = (stated < self._history_from_us) | (stated > batch.send_at_us + _FAR_AHEAD_US)
        unassigned = (stated < self._valid_from_us[device]) | (stated >= self._valid_to_us[device])
        # The first that is wrong counts, in the order in which a message is read.
        wrong: list[tuple[Bools, DeadLetterReason]] = [
            (batch.damage > 0, DeadLetterReason.MALFORMED),
            (unknown_version & self._own[device], DeadLetterReason.SCHEMA),
            (~self._registered[device], DeadLetterReason.UNKNOWN_THING),
            (unknown_version & ~self._version_in_frame[device], DeadLetterReason.SCHEMA),
            (unknown_version, DeadLetterReason.MALFORMED),
            (clock, DeadLetterReason.CLOCK),
            (unassigned, DeadLetterReason.UNKNOWN_THING),
        ]
        reason = np.select([rows for rows, _ in wrong], [REASONS.index(name) for _, name in wrong], NO_REASON).astype(np.int64)
        fate = np.where(batch.repeated, Fate.DUPLICATE, Fate.STORED)
        fate = np.where(reason != NO_REASON, Fate.DEAD_LETTER, fate).astype(np.int64)
        if self._seen is not None:
            self._identities(batch, fate, reason)
        return Judged(batch, fate, reason)

    def _identities(self, batch: Batch, fate: Ints, reason: Ints) -> None:
        """Of two readings that state the same time the first is stored; the second is a duplicate or, with other values, refused."""
        rows = np.flatnonzero(self._own[batch.device] & (fate != Fate.DEAD_LETTER))
        names = sorted(batch.values)
        contents = _contents([batch.values[name][rows] for name in names])
        assert self._seen is not None
        for row, place, stated, content in zip(
            rows.tolist(), self._place[batch.device[rows]].tolist(), batch.stated_at_us[rows].tolist(), contents, strict=True
        ):
            known = self._seen.setdefault(place, {}).setdefault(stated, content)
            if known is content:
                fate[row] = Fate.STORED
            elif known == content:
                fate[row] = Fate.DUPLICATE
            else:
                fate[row], reason[row] = Fate.DEAD_LETTER, REASONS.index(DeadLetterReason.IDENTITY)
        if len(rows) and int(batch.send_at_us[-1]) // 3_600_000_000 % 24 == 0:
            self._forget(int(batch.send_at_us[-1]) - _REMEMBERED_US)

    def _forget(self, before_us: int) -> None:
        """Nothing states a time as old as this any more but what is refused for it."""
        assert self._seen is not None
        for place, times in self._seen.items():
            self._seen[place] = {stated: content for stated, content in times.items() if stated >= before_us}


def _contents(columns: Sequence[Floats]) -> list[tuple[float | None, ...]]:
    """Rows of values, None for what is not reported: it equals itself, as NaN does not. Each row is a tuple of its own."""
    plain = [[None if value != value else value for value in column.tolist()] for column in columns]
    return list(zip(*plain, strict=True))
