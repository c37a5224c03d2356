"""Microseconds per message of `decode_message`, beside what `orjson.loads` alone takes for the same bytes.

Run: pytest -s tests/benchmarks/test_decode_speed.py. Prints the best of many runs of a millisecond: what a busy machine disturbs least.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

import orjson

from ingest.decode import decode_message
from tests.unit.ingest.samples import (
    DEV_EUI,
    chirpstack,
    chirpstack_body,
    context,
    own,
    own_several,
    things_stack,
    things_stack_body,
)

FRAME = "01755c03824403040000"
MESSAGES_PER_RUN = 20
RUNS = 600


def best_microseconds(work: Callable[[], object]) -> float:
    """The shortest of the runs, per call."""
    return min(timeit.repeat(work, number=MESSAGES_PER_RUN, repeat=RUNS)) / MESSAGES_PER_RUN * 1e6


def test_decode_speed() -> None:
    contexts = {
        "s-1": context("s-1"),
        "s-2": context("s-2", kind="traffic_flow", geometry=None),
        DEV_EUI: context(DEV_EUI, "milesight_em310_udl"),
    }
    several = [{"observed_at": f"2026-11-22T09:00:{second:02}Z", "distance_mm": 840.0} for second in range(60)]
    messages = {
        "own JSON, container": own(seq=123, distance_mm=840.0, battery_v=3.6),
        "own JSON, traffic": own("s-2", kind="traffic_flow", window_s=900, vehicle_count=12, flow_per_h=48.0, speed_km_h=44.1),
        "own JSON, 60 readings": own_several(several),
        "The Things Stack, 2 gateways": things_stack(things_stack_body(FRAME)),
        "ChirpStack": chirpstack(chirpstack_body(FRAME)),
    }
    print(f"\n{'message':30} {'bytes':>6} {'decode':>10} {'JSON alone':>11} {'ratio':>6}")
    for name, message in messages.items():
        assert decode_message(message, contexts).readings, name
        decode_us = best_microseconds(lambda message=message: decode_message(message, contexts))  # type: ignore[misc]  # binds now
        baseline_us = best_microseconds(lambda message=message: orjson.loads(message.payload))  # type: ignore[misc]  # binds now
        print(f"{name:30} {len(message.payload):6} {decode_us:7.1f} µs {baseline_us:8.1f} µs {decode_us / baseline_us:6.1f}")
