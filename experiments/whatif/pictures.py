"""Plots of an experiment as PNG files: kilometres against overflow, kilometres day by day, overflow by district."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.whatif.comparison import of_policy
from experiments.whatif.outcome import Outcome
from experiments.whatif.policies import POLICIES

COLOURS = dict(
    zip(POLICIES, ("#7f7f7f", "#1f3b73", "#8c564b", "#e08214", "#f2c14e", "#e7d8a1", "#b2abd2", "#1b9e4b", "#111111"), strict=True)
)
SMOOTH_DAYS = 7


def draw(folder: Path, outcomes: Sequence[Outcome], districts: Sequence[str], title: str) -> list[Path]:
    """The pictures' paths."""
    present = [name for name in POLICIES if of_policy(outcomes, name)]
    paths = [folder / "km-and-overflow.png", folder / "km-by-day.png", folder / "districts.png"]
    _tradeoff(paths[0], outcomes, present, title)
    _by_day(paths[1], outcomes, present, title)
    _districts(paths[2], outcomes, present, districts, title)
    return paths


def _tradeoff(path: Path, outcomes: Sequence[Outcome], present: Sequence[str], title: str) -> None:
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for name in present:
        runs = of_policy(outcomes, name).values()
        km = [item.km_per_day for item in runs]
        overflow = [item.overflow_hours / item.days for item in runs]
        axes.scatter(overflow, km, s=18, alpha=0.45, color=COLOURS[name])
        axes.scatter(np.mean(overflow), np.mean(km), s=110, marker="D", color=COLOURS[name], label=name)
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xlim(left=-0.2, right=1.6 * max(1.0, max(item.overflow_hours / item.days for item in outcomes)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("container-hours of overflow per day (small: one seed, diamond: mean)")
    axes.set_ylabel("km per day")
    axes.set_title(f"{title}: driving less or overflowing less")
    axes.grid(alpha=0.3)
    axes.legend(loc="best", frameon=True)
    _save(figure, path)


def _by_day(path: Path, outcomes: Sequence[Outcome], present: Sequence[str], title: str) -> None:
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for name in present:
        daily = np.mean([item.daily_km for item in of_policy(outcomes, name).values()], axis=0)
        width = min(SMOOTH_DAYS, len(daily))
        smooth = np.convolve(daily, np.ones(width) / width, mode="valid")
        axes.plot(np.arange(len(smooth)) + width, smooth, color=COLOURS[name], label=name, linewidth=1.8)
    axes.set_xlabel("day after the warm-up")
    axes.set_ylabel(f"km per day, mean of {SMOOTH_DAYS} days and all seeds")
    axes.set_ylim(bottom=0)
    axes.set_title(f"{title}: kilometres")
    axes.grid(alpha=0.3)
    axes.legend(ncols=4, loc="lower center", frameon=True)
    _save(figure, path)


def _districts(path: Path, outcomes: Sequence[Outcome], present: Sequence[str], districts: Sequence[str], title: str) -> None:
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    width = 0.8 / len(present)
    for place, name in enumerate(present):
        hours = np.mean([np.array(item.district_overflow_hours) / item.days for item in of_policy(outcomes, name).values()], axis=0)
        axes.bar(
            np.arange(len(districts)) + (place - len(present) / 2 + 0.5) * width, hours, width, color=COLOURS[name], label=name
        )
    axes.set_xticks(np.arange(len(districts)), districts, rotation=30, ha="right")
    axes.set_yscale("symlog", linthresh=1.0)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("container-hours of overflow per day")
    axes.set_title(f"{title}: overflow by district")
    axes.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=4, fontsize="small")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
    plt.close(figure)
