"""Each fault strikes at its rate, marks what it touches, and does what its name says; a spoilt payload can never be read."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.failures import UserError
from simulators.batch import NEVER_US, Batch, Device, sound_batch
from simulators.faults import (
    EVERY_FAULT,
    FAULTS,
    BatteryDeath,
    BlockedInlet,
    ClockErrors,
    CoveredLens,
    Duplicates,
    FalseFull,
    Fault,
    Late,
    LateInBulk,
    Noise,
    OutOfOrder,
    Reboots,
    Sensors,
    Silence,
    Stuck,
    Swaps,
    Tilt,
    parse_rates,
    spoilt,
)
from simulators.faults.swaps import plan_swaps
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
        values={"distance_mm": np.full(DEVICES, 1000.0), "tilted": np.zeros(DEVICES), "battery_v": np.full(DEVICES, 3.5)},
        truth=np.full(DEVICES, 0.5),
    )


def containers() -> Sensors:
    """All devices are level sensors with a clock of their own; every tenth is replaced at the eleventh hour."""
    replaced = np.where(np.arange(DEVICES) % 10 == 0, (START_S + 10 * HOUR_S) * 1_000_000, NEVER_US)
    return Sensors(
        noise={"distance_mm": 60.0},
        interval_s=HOUR_S,
        history_from_s=START_S - 24 * HOUR_S,
        empty_mm=np.full(DEVICES, 2400.0),
        full_mm=np.full(DEVICES, 300.0),
        own_clock=np.ones(DEVICES, np.bool_),
        blocked_until_us=np.zeros(DEVICES, np.int64),
        replaced_at_us=replaced,
        replaced_by=np.arange(DEVICES) + DEVICES,
    )


def struck(fault_type: type[Fault], rate: float, hours: int) -> list[Batch]:
    fault = fault_type(rate, containers())
    return [fault.apply(batch_of_hour(n), START_S + n * HOUR_S, generator(1, 99, n)) for n in range(hours)]


def marked_by(fault_type: type[Fault], batches: list[Batch]) -> np.ndarray:
    """[hour, device]: where the fault struck."""
    return np.array([batch.fault[~batch.repeated] & fault_type.bit > 0 for batch in batches])


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault is not Swaps], ids=lambda fault: fault.name)
def test_a_fault_strikes_its_share_and_marks_it(fault: type[Fault]) -> None:
    in_spells = hasattr(fault, "MEAN_HOURS")
    hours = 100 if not in_spells else min(3000, round(12 * fault.MEAN_HOURS))  # type: ignore[attr-defined]
    share = marked_by(fault, struck(fault, 0.05, hours)).mean()
    assert 0.03 < share < 0.07


def test_each_fault_has_a_bit_of_its_own() -> None:
    assert len({fault.bit for fault in FAULTS} | {0}) == len(FAULTS) + 1
    assert sum(fault.bit for fault in FAULTS) == 2 ** len(FAULTS) - 1
    assert list(EVERY_FAULT) == [fault.name for fault in FAULTS]
    assert all(0 < fault.RATE < 0.1 for fault in FAULTS)


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


def test_what_a_struck_sensor_reads() -> None:
    """Stuck repeats, a covered lens and false full are near, tilt says so; everything unmarked is as it was."""
    Holds = Callable[[Batch, np.ndarray], np.ndarray]
    cases: tuple[tuple[type[Fault], Holds], ...] = (
        (Stuck, lambda batch, rows: batch.values["distance_mm"][rows] == 1000.0),
        (CoveredLens, lambda batch, rows: batch.values["distance_mm"][rows] < 200),
        (FalseFull, lambda batch, rows: abs(batch.values["distance_mm"][rows] - 300) < 40),
        (Tilt, lambda batch, rows: (batch.values["tilted"][rows] == 1) & (batch.values["distance_mm"][rows] <= 800)),
    )
    for fault, holds in cases:
        for batch in struck(fault, 0.2, 60):
            rows = batch.fault & fault.bit > 0
            assert holds(batch, rows).all(), fault.name
            assert (batch.values["distance_mm"][~rows] == 1000.0).all(), fault.name


def test_a_blocked_inlet_stops_the_simulator_and_not_the_sensor() -> None:
    sensors = containers()
    fault = BlockedInlet(0.3, sensors)
    for number in range(50):
        start_s = START_S + number * HOUR_S
        blocked = sensors.blocked_until_us > start_s * 1_000_000
        batch = fault.apply(batch_of_hour(number), start_s, generator(1, 99, number))
        assert (batch.values["distance_mm"] == 1000.0).all()
        assert ((batch.fault & BlockedInlet.bit > 0) == blocked).all()
    assert blocked.any()


def test_a_battery_falls_before_it_dies() -> None:
    voltages = np.array([batch.values["battery_v"] for batch in struck(BatteryDeath, 0.3, 300)])
    dead = marked_by(BatteryDeath, struck(BatteryDeath, 0.3, 300))
    died = np.flatnonzero(dead.any(axis=0) & ~dead[0])
    for device in died[:20]:
        at = int(np.argmax(dead[:, device]))
        assert voltages[at - 1, device] < 3.0 < voltages[0, device]


def test_what_is_kept_back_comes_in_bulk_and_up_to_forty_days_late() -> None:
    batches = struck(LateInBulk, 0.3, 1500)
    observed = np.concatenate([batch.observed_at_us for batch in batches])
    delay = np.concatenate([batch.send_at_us for batch in batches]) - observed
    late = np.concatenate([batch.fault & LateInBulk.bit > 0 for batch in batches])
    assert (delay[~late] == 1_000_000).all()
    days = delay[late] / 86_400e6
    assert days.min() < 0.1
    assert 35 < days.max() < 40.1


def test_an_overtaken_message_waits_for_one_to_three_others() -> None:
    (batch,) = struck(OutOfOrder, 0.5, 1)
    delay_h = (batch.send_at_us - batch_of_hour(0).send_at_us)[batch.fault & OutOfOrder.bit > 0] / 3600e6
    assert delay_h.min() > 1
    assert delay_h.max() < 4


def test_wrong_clocks_are_long_past_far_ahead_or_a_little_behind() -> None:
    batches = struck(ClockErrors, 0.3, 200)
    shift = np.concatenate([batch.stated_at_us - batch.observed_at_us for batch in batches])
    rows = np.concatenate([batch.fault & ClockErrors.bit > 0 for batch in batches])
    assert ((shift != 0) == rows).all()
    days = shift[rows] / 86_400e6
    assert (days < -20_000).any()
    assert (days > 3000).any()
    assert ((days < -20_000) | (days > 3000) | ((days < 0) & (days > -0.1))).all()


def test_a_reboot_counts_from_nought_again() -> None:
    batches = struck(Reboots, 0.05, 40)
    sequence = np.array([batch.sequence for batch in batches])
    struck_at = marked_by(Reboots, batches)
    assert (sequence[struck_at] == 0).all()
    assert (np.diff(sequence, axis=0)[~struck_at[1:]] == 1).all()
    assert (np.array([batch.restarts for batch in batches]) == struck_at.cumsum(axis=0)).all()


def test_a_swapped_device_has_another_number_and_begins_at_nought() -> None:
    batches = struck(Swaps, 0.1, 15)
    replaced = np.arange(DEVICES) % 10 == 0
    for number, batch in enumerate(batches):
        assert (batch.device == np.where(replaced & (number >= 10), np.arange(DEVICES) + DEVICES, np.arange(DEVICES))).all()
        assert (batch.sequence == np.where(replaced & (number >= 10), number - 10, number)).all()


def test_swaps_are_planned_from_the_seed_and_lie_in_the_history() -> None:
    devices = [
        Device(
            f"24e124713c{n:06x}",
            "milesight_em310_udl",
            "container_fill",
            f"c-{n}",
            "fill",
            f"v3/a/devices/eui-24e124713c{n:06x}/up",
        )
        for n in range(400)
    ]
    swaps = plan_swaps(1, devices, START_S, START_S + 100 * HOUR_S, 0.2)
    assert swaps == plan_swaps(1, devices, START_S, START_S + 100 * HOUR_S, 0.2)
    assert 50 < len(swaps) < 110
    assert all(START_S + 10 * HOUR_S <= swap.at_s <= START_S + 90 * HOUR_S for swap in swaps)
    assert 0.6 < np.mean([swap.registered for swap in swaps]) < 0.9
    assert {swap.new.mqtt_topic for swap in swaps}.isdisjoint({device.mqtt_topic for device in devices})
    assert all(swap.new.sensor_id in swap.new.mqtt_topic and swap.new.thing_id == devices[swap.old].thing_id for swap in swaps)


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
    assert parse_rates(["all"]) == EVERY_FAULT
    assert parse_rates(["all", "late=0.5"]) == {**EVERY_FAULT, "late": 0.5}
    with pytest.raises(UserError, match="no fault 'rain'; faults are noise, spikes"):
        parse_rates(["rain=0.1"])
    with pytest.raises(UserError, match=r"late=0\.01"):
        parse_rates(["late"])
    with pytest.raises(UserError, match="from 0 to below 1"):
        parse_rates(["late=1.5"])
