"""Turns a simulated city into messages, hour by hour: sensors report, faults strike, what is late waits, the rest is encoded
in the order in which it is sent.

Every hour depends on the seed and on the hours before it alone, so a stream can be started again anywhere by running through
what came before without encoding it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from simulators.batch import NEVER_US, Ints
from simulators.city import SimulatedCity
from simulators.encoders.by_model import join_message
from simulators.encoders.encoder import second_texts
from simulators.fates import NO_REASON, Judged
from simulators.faults import Garbled, Late, Noise
from simulators.faults.swaps import Swap
from simulators.lane import Lane, OutgoingMessage
from simulators.ledger import Fate, PublisherLedger
from simulators.sensor_simulator import HOUR_S
from simulators.truth import TruthWriter


@dataclass(frozen=True, slots=True)
class HourOfMessages:
    """What is sent in one simulated hour, in order, with what the ledger must know of each message.

    `reason` is a place in `simulators.fates.REASONS`, of dead letters. `silent` counts, by kind, readings of this hour that are never sent.
    """

    start_s: int
    messages: list[OutgoingMessage]
    send_at_us: Ints
    kind: Ints
    fate: Ints
    fault: Ints
    reason: Ints
    silent: Mapping[str, int]

    def count_into(self, ledger: PublisherLedger, kinds: list[str], first: int, beyond: int) -> None:
        """Books messages `first` to `beyond` (exclusive) as sent; the hour's silence with its last message."""
        garbled = self.fault & Garbled.bit > 0
        for number, name in enumerate(kinds):
            of_kind = self.kind[first:beyond] == number
            part = ledger.of(name)
            for fate in Fate:
                part.count(fate, int((of_kind & (self.fate[first:beyond] == fate)).sum()))
            part.refuse(int((of_kind & (self.fate[first:beyond] == Fate.DEAD_LETTER) & ~garbled[first:beyond]).sum()))
            expected = of_kind & (self.fate[first:beyond] == Fate.STORED)
            part.late += int((expected & (self.fault[first:beyond] & Late.bit > 0)).sum())
            part.noise += int((expected & (self.fault[first:beyond] & Noise.bit > 0)).sum())
            if beyond == len(self.messages):
                part.silent += self.silent.get(name, 0)


class CityStream:
    """The messages of a city from the start of its history on. It moves forward only; a city can have many streams.

    `faults` are rates by name. Truth is written for what `next_hour` makes from `truth_from_s` on.
    """

    def __init__(self, city: SimulatedCity, faults: Mapping[str, float], truth: TruthWriter | None = None) -> None:
        simulators = city.new_simulators()
        self._lanes = [Lane(simulator, city.seed, number, faults, city.span) for number, simulator in enumerate(simulators)]
        self._truth = truth
        self.simulators = simulators
        self.kinds = [simulator.kind for simulator in simulators]
        self.next_hour_s = min(simulator.warm_up_from_s for simulator in simulators)
        self.history_from_s = min(simulator.history_from_s for simulator in simulators)
        self.history_to_s = city.span.end_s
        if truth is not None:
            for lane in self._lanes:
                truth.write_devices(lane.simulator.kind, lane.devices)

    @property
    def swaps(self) -> dict[str, tuple[Swap, ...]]:
        """By kind, the devices that are replaced in the history."""
        return {lane.simulator.kind: lane.swaps for lane in self._lanes}

    def skip_to(self, hour_s: int, *, truth_from_s: int | None = None) -> None:
        """Runs up to the hour that begins at `hour_s` without encoding; truth is written from `truth_from_s` on, if given."""
        while self.next_hour_s < hour_s:
            self._run(encode=False, keep_truth=truth_from_s is not None and self.next_hour_s >= truth_from_s)

    def next_hour(self) -> HourOfMessages:
        """The messages of the next hour, with everything of the history that is late in its last hour."""
        self.skip_to(self.history_from_s)
        return self._run(encode=True, keep_truth=True)

    def history(self) -> Iterator[HourOfMessages]:
        """The hours up to the end of the history."""
        while self.next_hour_s < self.history_to_s:
            yield self.next_hour()

    def _run(self, *, encode: bool, keep_truth: bool) -> HourOfMessages:
        start_s = self.next_hour_s
        self.next_hour_s += HOUR_S
        latest_us = self.history_to_s * 1_000_000 - 1 if start_s < self.history_to_s else NEVER_US
        sent = [lane.run(start_s, latest_us=latest_us, truth=self._truth if keep_truth else None) for lane in self._lanes]
        silent = {lane.simulator.kind: lane.silent for lane in self._lanes}
        if not encode:
            for lane, judged in zip(self._lanes, sent, strict=True):
                lane.joins(judged.batch)
            nothing = np.zeros(0, np.int64)
            return HourOfMessages(start_s, [], nothing, nothing, nothing, nothing, nothing, silent)
        return self._encoded(start_s, sent, silent)

    def _encoded(self, start_s: int, sent: list[Judged], silent: Mapping[str, int]) -> HourOfMessages:
        messages = self._joins(start_s)
        for lane, judged in zip(self._lanes, sent, strict=True):
            messages += lane.joins(judged.batch)
        joins = len(messages)
        times = [np.array([message.send_at_us for message in messages], np.int64)]
        kinds, fates = [np.zeros(joins, np.int64)], [np.full(joins, Fate.WITHOUT_READING, np.int64)]
        faults, reasons = [np.zeros(joins, np.int64)], [np.full(joins, NO_REASON, np.int64)]
        for number, (lane, judged) in enumerate(zip(self._lanes, sent, strict=True)):
            messages += lane.encode(judged.batch)
            times.append(judged.batch.send_at_us)
            kinds.append(np.full(len(judged.batch), number, np.int64))
            fates.append(judged.fate)
            faults.append(judged.batch.fault)
            reasons.append(judged.reason)
        send_at_us = np.concatenate(times)
        order = np.argsort(send_at_us, kind="stable")
        return HourOfMessages(
            start_s,
            [messages[row] for row in order.tolist()],
            send_at_us[order],
            np.concatenate(kinds)[order],
            np.concatenate(fates)[order],
            np.concatenate(faults)[order],
            np.concatenate(reasons)[order],
            silent,
        )

    def _joins(self, start_s: int) -> list[OutgoingMessage]:
        """Each LoRaWAN device joins its network once, in the first hour."""
        if start_s != self.history_from_s:
            return []
        devices = self.simulators[0].devices
        times_us = start_s * 1_000_000 + np.arange(len(devices)) * 1_000
        joins = []
        for device, at_us, text in zip(devices, times_us.tolist(), second_texts(times_us), strict=True):
            message = join_message(device, text)
            if message is not None:
                joins.append(OutgoingMessage(*message, at_us))
        return joins
