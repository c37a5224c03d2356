"""How much of a container one deposit fills: learnt per container from what its level rose between emptyings, and from weights at them.

Groningen's containers got 33.4 l a deposit on average, between 12.5 and 57.1 l from container to container, single deposits triangular between 10,
30 and 60 l (Wouda, Aerts-Veenstra, van Foreest 2024, arXiv 2409.13386); one figure for all over-estimates nearly always. So a container
begins with its fraction's litres and leaves them as its own emptyings come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.fill_forecast.emptyings import Emptyings
from models.fill_forecast.history import DAY, BoolArray, FloatArray, Series
from models.fill_forecast.suspects import FULL, jitter

LITRES, LITRES_SPREAD = 33.4, 9.0
"""Of a deposit, before anything is known: mean, and spread from container to container (half of 12.5 to 57.1 within two and a half)."""
USUAL_CAPACITY_L = 4500.0
"""Stands in where the registry does not say how large a container is."""
SINGLE_SPREAD = 0.31
"""Standard deviation of one deposit's volume over its mean: that of a triangular one between 10, 30 and 60 l."""
_CYCLE_SPREAD = 0.08
"""How far the mean of one filling lies from the container's own, before that is learnt."""
_PRIOR_CYCLES = 3.0
_PRIOR_CONTAINERS = 4.0
_LEAST_SPREAD = 3.0
_WEIGHT_SPREAD = 0.15
"""How far the litres of a kilogram lie from the fraction's."""
_LEAST_DEPOSITS = 5.0
_HALF_LIFE = 60 * DAY
_OUTLIER = 2.5


@dataclass(frozen=True, slots=True)
class VolumePrior:
    """What is known of a fraction: litres of a deposit, their spread from container to container, and litres of a kilogram."""

    litres: float = LITRES
    spread: float = LITRES_SPREAD
    litres_per_kg: float | None = None


@dataclass(frozen=True, slots=True)
class DepositVolume:
    """Of one container, as shares of its capacity: a deposit's mean, how sure that is, and how far one filling's mean lies from it. `fillings`
    and `weighings` are what it was learnt from, `kg` a deposit's mean weight."""

    share: float
    sd: float
    filling_sd: float
    fillings: int
    weighings: int
    kg: float | None

    def variance(self, deposits: FloatArray) -> FloatArray:
        """Of what each of so many deposits fill."""
        single = deposits * (SINGLE_SPREAD * self.share) ** 2
        together: FloatArray = single + deposits**2 * (self.sd**2 + self.filling_sd**2)
        return together


@dataclass(frozen=True, slots=True, eq=False)
class Rises:
    """How far the level rose in one filling (or a part of it that could be read), with how many deposits, ended when, and the variance that
    the sensor's jitter puts on it."""

    rise: FloatArray
    deposits: FloatArray
    ended: FloatArray
    jitter_variance: FloatArray

    def of(self, chosen: BoolArray) -> Rises:
        return Rises(*(getattr(self, name)[chosen] for name in Rises.__dataclass_fields__))


def deposits_between(deposits: Series, times: FloatArray) -> FloatArray:
    """The counter's total at each moment, 0 at its first report: deposits are spread evenly over the time that their report speaks of. What
    the first report counts is left out, since when is not known."""
    totals = np.concatenate([[0.0], np.cumsum(deposits.values[1:])])
    counted: FloatArray = np.interp(times, deposits.times, totals)
    return counted


def level_rises(times: FloatArray, levels: FloatArray, emptyings: Emptyings, total: FloatArray, counted: FloatArray) -> Rises:
    """Of trusted readings, the counter's `total` at each and whether it was `counted` up to each (1 or 0). A filling is read up to where it
    first stood at full."""
    variance = jitter(levels) ** 2
    begins = [0, *emptyings.first_after.tolist()]
    ends = [*emptyings.last_before.tolist(), len(levels) - 1]
    found: list[tuple[float, float, float, float]] = []
    for begin, end in zip(begins, ends, strict=True):
        full = np.flatnonzero(levels[begin : end + 1] >= FULL)
        last = begin + int(full[0]) - 1 if len(full) else end
        width = min(3, (last - begin + 1) // 2)
        if width < 1 or not bool(counted[begin + 1 : last + 1].all()):
            continue
        middle = (width - 1) // 2
        rise = float(np.median(levels[last - width + 1 : last + 1]) - np.median(levels[begin : begin + width]))
        deposits = float(total[last - width + 1 + middle] - total[begin + middle])
        if deposits >= _LEAST_DEPOSITS:
            found.append((rise, deposits, float(times[last]), 2 * variance / width))
    columns = np.array(found).T if found else np.empty((4, 0))
    return Rises(*columns)


def weight_rates(weights: Series, deposits: Series) -> FloatArray:
    """Kilograms of a deposit, of each weighing but the first: what lay in the container since the one before."""
    total = deposits_between(deposits, weights.times)
    counts = np.diff(total)
    inside = (weights.times[:-1] >= deposits.times[0]) & (weights.times[1:] <= deposits.times[-1] + DAY)
    enough = (counts >= _LEAST_DEPOSITS) & inside & (weights.values[1:] > 0)
    rates: FloatArray = weights.values[1:][enough] / counts[enough]
    return rates


def learnt_volume(rises: Rises, kg: FloatArray, prior: VolumePrior, capacity_l: float | None, now: float) -> DepositVolume:
    """The prior and what the container has shown, each by how sure it is; old fillings count less, by half in sixty days."""
    capacity = capacity_l or USUAL_CAPACITY_L
    share, spread = prior.litres / capacity, prior.spread / capacity
    weight = float(np.median(kg)) if len(kg) else None
    precision, moment = 1 / spread**2, share / spread**2
    if weight is not None and prior.litres_per_kg is not None:
        by_weight = weight * prior.litres_per_kg / capacity
        certainty = 1 / ((_WEIGHT_SPREAD**2 + _CYCLE_SPREAD**2 / len(kg)) * by_weight**2)
        precision, moment = precision + certainty, moment + certainty * by_weight
    rises = _ordinary(rises, moment / precision)
    mean, filling = moment / precision, _CYCLE_SPREAD
    sd = precision**-0.5
    recent = 0.5 ** ((now - rises.ended) / _HALF_LIFE)
    for _ in range(3):
        own = _single_variance(rises, mean) + (filling * mean * rises.deposits) ** 2
        told = recent * rises.deposits**2 / own
        total = precision + float(told.sum())
        mean = (moment + float(np.sum(told * rises.rise / rises.deposits))) / total
        sd = total**-0.5
        filling = _filling_spread(rises, mean)
    return DepositVolume(mean, sd, filling * mean, len(rises.rise), len(kg), weight)


def fraction_priors(found: Sequence[tuple[str, DepositVolume, float | None]]) -> dict[str, VolumePrior]:
    """From (fraction, volume, capacity) of containers that have shown at least two fillings; "*" is all fractions together."""
    priors = {}
    for name in sorted({fraction for fraction, _, _ in found} | {"*"}):
        mine = [(volume, capacity or USUAL_CAPACITY_L) for fraction, volume, capacity in found if name in ("*", fraction)]
        litres = np.array([volume.share * capacity for volume, capacity in mine if volume.fillings >= 2])
        mean = float((_PRIOR_CONTAINERS * LITRES + litres.sum()) / (_PRIOR_CONTAINERS + len(litres)))
        squares = _PRIOR_CONTAINERS * LITRES_SPREAD**2 + float(np.sum((litres - mean) ** 2))
        spread = max(_LEAST_SPREAD, float(np.sqrt(squares / (_PRIOR_CONTAINERS + len(litres)))))
        kg = [volume.kg for volume, _ in mine if volume.kg]
        priors[name] = VolumePrior(mean, spread, mean / float(np.mean(kg)) if kg else None)
    return priors


def _ordinary(rises: Rises, mean: float) -> Rises:
    """Without fillings of which a deposit would be out of all proportion: a sensor's nonsense, or a counter's."""
    rates = rises.rise / rises.deposits
    middle = float(np.median(rates)) if len(rates) >= 3 else mean
    kept = (rates > 0) & (rates > middle / _OUTLIER) & (rates < middle * _OUTLIER)
    return rises.of(kept)


def _single_variance(rises: Rises, mean: float) -> FloatArray:
    variance: FloatArray = rises.deposits * (SINGLE_SPREAD * mean) ** 2 + rises.jitter_variance
    return variance


def _filling_spread(rises: Rises, mean: float) -> float:
    """What single deposits and jitter do not explain of how fillings differ, relative to the mean and drawn towards the usual."""
    squares = _PRIOR_CYCLES * _CYCLE_SPREAD**2
    if len(rises.rise):
        excess = (rises.rise - mean * rises.deposits) ** 2 - _single_variance(rises, mean)
        squares += len(rises.rise) * max(0.0, float(excess.sum() / np.sum((mean * rises.deposits) ** 2)))
    return float(np.sqrt(squares / (_PRIOR_CYCLES + len(rises.rise))))
