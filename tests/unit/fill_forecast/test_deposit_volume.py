"""How much a deposit fills: learnt from a container's own emptyings, drawn towards its fraction's, and from weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.deposit_volume import DepositVolume, VolumePrior, fraction_priors
from models.fill_forecast.fusion import volume_of
from models.fill_forecast.history import History
from tests.unit.fill_forecast.counted import CAPACITY_L, CUTOFF, counted


def learnt(history: History) -> DepositVolume:
    found = volume_of(history.seen(CUTOFF, CUTOFF))
    assert found is not None
    return found


@pytest.mark.parametrize("litres", [12.5, 33.4, 57.1])
def test_litres_are_learnt_from_what_the_level_rose_between_emptyings(litres: float) -> None:
    volume = learnt(counted(1, litres=litres, share_per_day=0.2).history("both"))
    assert volume.share * CAPACITY_L == pytest.approx(litres, rel=0.05)
    assert volume.fillings >= 10
    assert volume.sd < 0.05 * volume.share


def test_without_emptyings_a_container_has_its_fractions_litres_and_is_as_unsure() -> None:
    history = counted(1, litres=20.0).history("deposits")
    volume = learnt(replace(history, volume=VolumePrior(litres=25.0, spread=6.0)))
    assert volume.share * CAPACITY_L == pytest.approx(25.0)
    assert volume.sd * CAPACITY_L == pytest.approx(6.0)


def test_few_emptyings_leave_a_container_between_its_fraction_and_what_it_has_shown() -> None:
    made = counted(4, litres=20.0, share_per_day=0.08, days=75).history("both")
    short = made.since(CUTOFF - 4 * 86_400.0)
    few = learnt(replace(short, volume=VolumePrior(litres=40.0, spread=3.0)))
    many = learnt(replace(made, volume=VolumePrior(litres=40.0, spread=3.0)))
    assert 20.5 < few.share * CAPACITY_L < 39.5
    assert abs(many.share * CAPACITY_L - 20.0) < abs(few.share * CAPACITY_L - 20.0)


def test_weights_at_emptyings_tell_litres_where_no_level_is_read() -> None:
    """The fraction's litres of a kilogram come from containers that have both."""
    both = [counted(seed).history("both", weighed=True) for seed in range(8)]
    priors = fraction_priors([("residual", learnt(history), CAPACITY_L) for history in both])
    assert priors["residual"].litres_per_kg == pytest.approx(1 / 0.11, rel=0.12)
    errors: list[float] = []
    blind: list[float] = []
    for seed in range(20, 32):
        made = counted(seed)
        for weighed, kept in ((True, errors), (False, blind)):
            volume = learnt(replace(made.history("deposits", weighed=weighed), volume=priors["residual"]))
            kept.append(abs(volume.share * CAPACITY_L / made.litres - 1))
    assert np.mean(errors) < 0.5 * np.mean(blind)


def test_a_fractions_litres_are_drawn_towards_the_published_mean_while_few_containers_have_shown_theirs() -> None:
    shown = DepositVolume(20.0 / CAPACITY_L, 0.0, 0.0, 5, 0, None)
    one = fraction_priors([("glass", shown, CAPACITY_L)])["glass"]
    many = fraction_priors([("glass", shown, CAPACITY_L)] * 50)["glass"]
    assert 20.0 < many.litres < 22.0 < one.litres < 33.4
    assert many.spread < one.spread


def test_fillings_out_of_all_proportion_teach_nothing() -> None:
    """A counter that stood still for one filling would make a deposit ten times as large."""
    made = counted(5, litres=30.0, share_per_day=0.3)
    history = made.history("both")
    assert history.deposits is not None
    first, last = made.emptied[3], made.emptied[4]
    lost = (history.deposits.times > first) & (history.deposits.times < last) & (np.arange(len(history.deposits.times)) % 10 != 0)
    holed = replace(history.deposits, values=np.where(lost, 0.0, history.deposits.values))
    assert learnt(replace(history, deposits=holed)).share * CAPACITY_L == pytest.approx(30.0, rel=0.06)
