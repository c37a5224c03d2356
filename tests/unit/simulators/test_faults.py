"""Faults strike at their rate, mark what they touch, and a spoilt payload can never be read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.failures import UserError
from simulators.batch import NEVER_US, Batch, sound_batch
from simulators.faults import FAULTS, Duplicates, Garbled, Late, Noise, Silence, parse_rates, spoilt
from simulators.sensor_simulator import HOUR_S, generator

START_S = 1_790_000_000 // HOUR_S * HOUR_S
DEVICES = 400


def batch_of_hour(number: int) -> Batch:
    device = np.arange(DEVICES)
    observed = np.full(DEVICES, (START_S + number * HOUR_S + 1800) * 1_000_000)
    return sound_batch(
        device=device,
        observed_at_us=observed,
        send_at_us=observed + 1_000_000,
        sequence=device * 0 + number,
        values={"distance_mm": np.full(DEVICES, 1000.0)},
        truth=np.full(DEVICES, 0.5),
    )


def struck(fault_type: type[Noise | Silence | Garbled | Late | Duplicates], rate: float, hours: int) -> list[Batch]:
    fault = fault_type(rate, {"distance_mm": 60.0}, DEVICES)
    return [fault.apply(batch_of_hour(n), START_S + n * HOUR_S, generator(1, 99, n)) for n in range(hours)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_strikes_its_share_and_marks_it(fault: type[Noise | Silence | Garbled | Late | Duplicates]) -> None:
    hours = 600 if fault is Silence else 100
    batches = struck(fault, 0.05, hours)
    marked = sum(int(((batch.fault & fault.bit > 0) & ~batch.repeated).sum()) for batch in batches)
    assert 0.035 < marked / (hours * DEVICES) < 0.065


def test_each_fault_has_a_bit_of_its_own() -> None:
    assert len({fault.bit for fault in FAULTS} | {0}) == len(FAULTS) + 1
    assert sum(fault.bit for fault in FAULTS) == 2 ** len(FAULTS) - 1


def test_noise_changes_only_marked_values() -> None:
    (batch,) = struck(Noise, 0.1, 1)
    changed = batch.values["distance_mm"] != 1000.0
    assert (changed == (batch.fault & Noise.bit > 0)).all()
    assert changed.any()


def test_silence_comes_in_spells_and_sends_nothing() -> None:
    silent = np.array([batch.fault & Silence.bit > 0 for batch in struck(Silence, 0.1, 200)])
    never = np.array([batch.send_at_us == NEVER_US for batch in struck(Silence, 0.1, 200)])
    assert (silent == never).all()
    begins = (silent[1:] & ~silent[:-1]).sum()
    assert 10 < silent.sum() / begins < 35


def test_duplicates_repeat_a_row_within_two_minutes_and_late_holds_it_up_at_most_eight_hours() -> None:
    for batch in struck(Duplicates, 0.1, 5):
        again = batch.take(batch.repeated)
        first = batch.take(~batch.repeated)
        for row in range(len(again)):
            original = first.send_at_us[first.device == again.device[row]][0]
            assert 0 < again.send_at_us[row] - original <= 120_000_000
    (batch,) = struck(Late, 0.5, 1)
    delay = batch.send_at_us - batch_of_hour(0).send_at_us
    assert ((delay > 0) == (batch.fault & Late.bit > 0)).all()
    assert delay.max() <= 8 * 3600 * 1_000_000


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.integers() | st.text(max_size=20), min_size=2, max_size=6),
    st.floats(1e-9, 1, exclude_max=True),
)
def test_a_spoilt_payload_is_no_json_any_more(document: dict[str, int | str], damage: float) -> None:
    payload = json.dumps(document).encode()
    broken = spoilt(payload, damage)
    assert broken
    assert broken == spoilt(payload, damage)
    with pytest.raises(ValueError):  # noqa: PT011  # a JSON or a UTF-8 error, both are ValueErrors
        json.loads(broken.decode("utf-8"))


def test_rates_are_read_and_mistakes_get_a_sentence() -> None:
    assert parse_rates(["late=0.01", "noise=0"]) == {"late": 0.01, "noise": 0.0}
    assert parse_rates(["none"]) == {}
    with pytest.raises(UserError, match="no fault 'rain'; faults are noise, silence"):
        parse_rates(["rain=0.1"])
    with pytest.raises(UserError, match=r"late=0\.01"):
        parse_rates(["late"])
    with pytest.raises(UserError, match="from 0 to below 1"):
        parse_rates(["late=1.5"])
