"""One simulator's readings on their way out: its faults strike, what is late waits, each message gets its fate and its bytes.

Used by `CityStream`, one lane per simulator, and by whoever wants the readings without the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from models.sensor_kinds import kind_by_name
from simulators.batch import NEVER_US, Batch, Floats, joined
from simulators.encoders.by_model import encoder_for, join_message
from simulators.encoders.encoder import rounded, second_texts
from simulators.fates import OWN_MODEL, Fates, Judged
from simulators.faults import FAULTS, ClockErrors, Fault, Sensors, Swaps, UnknownFields, UnknownVersion
from simulators.faults.swaps import Swap, plan_swaps, swap_times
from simulators.payload_faults import disturbed
from simulators.sensor_simulator import HOUR_S, SensorSimulator, SimulationSpan, generator
from simulators.truth import TruthWriter
from simulators.waste import WasteSimulator

_FAULT_STREAM = 9
_JOIN_BEFORE_US = 4_000_000
_IN_BYTES = UnknownFields.bit | UnknownVersion.bit


class OutgoingMessage(NamedTuple):
    """One MQTT message to publish, and when in simulated time (microseconds since 1970)."""

    mqtt_topic: str
    payload: bytes
    send_at_us: int


class Lane:
    """One simulator's readings on their way out: its faults, its encoders, and what is late."""

    def __init__(
        self, simulator: SensorSimulator, seed: int, number: int, faults: Mapping[str, float], span: SimulationSpan
    ) -> None:
        self.simulator = simulator
        self.silent = 0
        self.swaps = plan_swaps(seed, simulator.devices, simulator.history_from_s, span.end_s, faults.get(Swaps.name, 0.0))
        self.devices = [*simulator.devices, *(swap.new for swap in self.swaps)]
        self._seed = seed
        self._number = number
        sensors = sensors_of(simulator, self.swaps)
        self._faults: list[Fault] = [fault(faults[fault.name], sensors) for fault in FAULTS if faults.get(fault.name)]
        self._fates = Fates(
            self.devices, self.swaps, registered_from_s=simulator.warm_up_from_s, history_from_s=simulator.history_from_s,
            watch_identities=bool(faults.get(ClockErrors.name)),
        )  # fmt: skip
        self._limits = quantity_limits(simulator.kind)
        models = sorted({device.device_model for device in self.devices})
        self._encoders = [encoder_for(model, simulator.kind, simulator.decimals) for model in models]
        self._model = np.array([models.index(device.device_model) for device in self.devices], np.int64)
        self._waiting: Batch | None = None
        # A device that is new, or that began anew, joins its network before its first message.
        self._joined = np.concatenate([np.zeros(len(simulator.devices), np.int64), np.full(len(self.swaps), -1, np.int64)])

    def run(self, start_s: int, *, latest_us: int, truth: TruthWriter | None) -> Judged:
        """Simulates the hour and returns what is sent in it, in order. What is observed in it is sent by `latest_us`, or never: nothing
        of the history stays behind."""
        self.silent = 0
        if start_s < self.simulator.warm_up_from_s:
            return _NOTHING
        made = self.simulator.hour(start_s)
        if start_s < self.simulator.history_from_s:
            return _NOTHING
        for fault in self._faults:
            stream = fault.bit.bit_length() - 1
            made = fault.apply(made, start_s, generator(self._seed, _FAULT_STREAM, self._number, stream, start_s))
        made = replace(
            made,
            values=self._as_reported(made),
            send_at_us=np.where(made.send_at_us == NEVER_US, NEVER_US, np.minimum(made.send_at_us, latest_us)),
        )
        once = made.take(~made.repeated)
        self.silent = int((once.send_at_us == NEVER_US).sum())
        pool = joined([self._waiting, made]) if self._waiting is not None else made
        pool = pool.take(pool.send_at_us != NEVER_US)
        is_due = pool.send_at_us < (start_s + HOUR_S) * 1_000_000
        self._waiting = pool.take(~is_due)
        due = pool.take(is_due)
        judged = self._fates.judge(due.take(np.argsort(due.send_at_us, kind="stable")))
        if truth is not None:
            truth.add(self.simulator.kind, start_s, once, judged)
        return judged

    def joins(self, batch: Batch) -> list[OutgoingMessage]:
        """The joins of devices that begin anew with a message of this batch. Called with every batch that is sent, in order."""
        rows = np.flatnonzero(batch.restarts > self._joined[batch.device])
        found = []
        for row in rows.tolist():
            device, restarts = int(batch.device[row]), int(batch.restarts[row])
            if restarts <= self._joined[device]:
                continue
            self._joined[device] = restarts
            at_us = int(batch.send_at_us[row]) - _JOIN_BEFORE_US
            message = join_message(self.devices[device], second_texts(np.array([at_us]))[0])
            if message is not None:
                found.append(OutgoingMessage(*message, at_us))
        return found

    def encode(self, batch: Batch) -> list[OutgoingMessage]:
        """The messages of a batch, row by row."""
        payloads: list[bytes] = [b""] * len(batch)
        stated = replace(batch, observed_at_us=batch.stated_at_us)
        for number, encoder in enumerate(self._encoders):
            rows = np.flatnonzero(self._model[batch.device] == number)
            if len(rows):
                for row, payload in zip(rows.tolist(), encoder.payloads(self.devices, stated.take(rows)), strict=True):
                    payloads[row] = payload
        for row in np.flatnonzero((batch.damage > 0) | (batch.restarts > 0) | (batch.fault & _IN_BYTES > 0)).tolist():
            payloads[row] = disturbed(
                payloads[row], fault=int(batch.fault[row]), restarts=int(batch.restarts[row]), damage=float(batch.damage[row])
            )
        return [
            OutgoingMessage(self.devices[device].mqtt_topic, payload, at)
            for device, payload, at in zip(batch.device.tolist(), payloads, batch.send_at_us.tolist(), strict=True)
        ]

    def _as_reported(self, batch: Batch) -> dict[str, Floats]:
        """Values within what the quantity can be, as finely as each row's device reports them."""
        limited = {name: np.clip(column, *self._limits[name]) for name, column in batch.values.items()}
        if len(self._encoders) == 1:
            return rounded(limited, self._encoders[0].decimals)
        result = {name: np.full(len(batch), np.nan) for name in limited}
        model = self._model[batch.device]
        for number, encoder in enumerate(self._encoders):
            rows = np.flatnonzero(model == number)
            for name, column in rounded({name: column[rows] for name, column in limited.items()}, encoder.decimals).items():
                result[name][rows] = column
        return result


def sensors_of(simulator: SensorSimulator, swaps: Sequence[Swap]) -> Sensors:
    """What faults may know of a simulator's sensors."""
    devices = simulator.devices
    geometry = {item.thing_id: item for item in simulator.geometries}
    known = [geometry.get(device.thing_id) for device in devices]
    kind = kind_by_name(simulator.kind)
    if kind is None:
        raise ValueError(f"there is no sensor kind {simulator.kind!r}")
    blocked = simulator.blocked_until_us if isinstance(simulator, WasteSimulator) else np.zeros(len(devices), np.int64)
    replaced_at_us, replaced_by = swap_times(swaps, len(devices))
    return Sensors(
        noise=simulator.noise,
        interval_s=kind.expected_interval_s,
        history_from_s=simulator.history_from_s,
        empty_mm=np.array([item.empty_distance_mm if item else np.nan for item in known]),
        full_mm=np.array([item.full_distance_mm if item else np.nan for item in known]),
        own_clock=np.array([device.device_model == OWN_MODEL for device in devices], np.bool_),
        blocked_until_us=blocked,
        replaced_at_us=replaced_at_us,
        replaced_by=replaced_by,
    )


def quantity_limits(kind: str) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each quantity of a registered kind, from its reading type."""
    found = kind_by_name(kind)
    if found is None:
        raise ValueError(f"there is no sensor kind {kind!r}")
    limits = {}
    for name in found.reading_type.quantities():
        metadata = found.reading_type.model_fields[name].metadata
        low = next((_number(item.ge) for item in metadata if isinstance(item, Ge)), -np.inf)
        above = next((float(np.nextafter(_number(item.gt), np.inf)) for item in metadata if isinstance(item, Gt)), -np.inf)
        high = next((_number(item.le) for item in metadata if isinstance(item, Le)), np.inf)
        limits[name] = (max(low, above), high)
    return limits


def _number(limit: Any) -> float:
    """Limits of quantities are numbers; their type only says that they compare."""
    return float(limit)


_NONE = np.zeros(0, np.int64)
_EMPTY = Batch(_NONE, _NONE, _NONE, _NONE, {}, np.zeros(0), _NONE, np.zeros(0), np.zeros(0, np.bool_), _NONE, _NONE)
_NOTHING = Judged(_EMPTY, _NONE, _NONE)
