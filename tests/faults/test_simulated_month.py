"""A month of a small city with every fault on, through the real line: what is stored is what the truth says, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.domain.failures import DeadLetterReason
from simulators.faults import EVERY_FAULT
from simulators.sensor_simulator import CitySizes
from simulators.simulation import SimulationSettings
from stadspuls.simulated_month import run_month
from stadspuls.truth_check import in_words

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

SIZES = CitySizes(
    containers=60, traffic_counters=6, transformers=2, container_days=42, traffic_days=10, bridge_days=0.5, transformer_days=5
)
OFTEN = {name: min(0.05, 3 * rate) for name, rate in EVERY_FAULT.items()}


async def test_all_faults_for_a_month_and_every_message_finds_its_place() -> None:
    month = await run_month(SimulationSettings(seed=3, now=datetime.now(UTC), sizes=SIZES, faults=OFTEN), print)
    found = month.check
    print("\n".join(in_words(found)))
    assert not found.wrong, "\n".join(in_words(found))
    assert found.right == found.expected > 50_000
    assert set(found.dead_letters) == {
        DeadLetterReason.MALFORMED, DeadLetterReason.SCHEMA, DeadLetterReason.UNKNOWN_THING, DeadLetterReason.CLOCK, DeadLetterReason.IDENTITY,
    }  # fmt: skip
    assert {gap.cause for gap in found.gaps} == {"silence", "battery_death"}
    assert found.duplicates_recognised >= found.duplicates_sent > 0
    assert found.latest_days > 20
