"""What a backtest shows: one table of scores, a reliability diagram, and fan charts of a few containers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from models.domain.failures import UserError
from models.fill_forecast.backtest import FORECASTER, BacktestResult
from models.fill_forecast.history import DAY, BoolArray, FloatArray, History, moment
from models.fill_forecast.scores import Scores, interval, reliability, scores
from stadspuls.backtest_files import some_of
from stadspuls.csv_lines import counted

_CHARTED_CONTAINERS = 4
_FANS = 4
_AROUND_FANS_DAYS = 2.0
"""Between the end of a fan and the next one, so that they are told apart."""
_BEFORE_FANS_DAYS = 7.0
_HARDLY = 0.05
"""A container is named of which less than this share of what a forecast a day would give could be compared with a reading."""


def score_table(result: BacktestResult, quantiles: tuple[float, ...]) -> list[tuple[str, str, str, Scores]]:
    """(class, horizon in days or "all", forecaster or baseline, scores) for all cases whose truth was read."""
    known = ~np.isnan(result.rows.truth)
    table = []
    for label, chosen in classes(result):
        if not bool((chosen & known).any()):
            continue
        horizons = np.unique(result.rows.horizon_days)
        for horizon in ("all", *horizons.tolist()):
            case = chosen & known if horizon == "all" else chosen & known & (result.rows.horizon_days == horizon)
            if not bool(case.any()):
                continue
            for name, forecast in result.forecasts.items():
                table.append((label, str(horizon), name, scores(result.rows.truth[case], forecast[case], quantiles)))
    return table


def interval_share(quantiles: tuple[float, ...]) -> str:
    """Per cent of truths that should lie in the interval, as text."""
    low, high = interval(quantiles)
    return f"{100 * (quantiles[high] - quantiles[low]):.3g}"


def classes(result: BacktestResult) -> list[tuple[str, BoolArray]]:
    """Slow and fast containers; all together first where there are both."""
    every = np.ones(len(result.fast), dtype=bool)
    if bool(result.fast.all()) or not bool(result.fast.any()):
        return [("fast" if bool(result.fast.all()) else "slow", every)]
    return [("all", every), ("slow", ~result.fast), ("fast", result.fast)]


def table_lines(table: Sequence[tuple[str, str, str, Scores]], quantiles: tuple[float, ...]) -> list[str]:
    """The table as text. Points are per cent of full; coverage and width are of `interval`, whose share the heading tells."""
    share = interval_share(quantiles)
    width = max(len(name) for _, _, name, _ in table)
    lines = [
        f"{'class':<6}{'days':<6}{'':<{width}}{'cases':>9}{'MAE':>8}{'pinball':>9}{f'cover {share} %':>13}{'ties half':>11}{'width':>8}",
        f"{'':<6}{'':<6}{'':<{width}}{'':>9}{'points':>8}{'points':>9}{'%':>13}{'%':>11}{'points':>8}",
    ]
    for label, horizon, name, found in table:
        if name == FORECASTER:
            lines.append("")
        lines.append(
            f"{label:<6}{horizon:<6}{name:<{width}}{found.cases:>9,}{100 * found.mae:>8.2f}{100 * found.pinball:>9.3f}"
            f"{100 * found.coverage:>13.1f}{100 * found.coverage_ties_half:>11.1f}{100 * found.width:>8.1f}"
        )
    return lines


def unscored_note(histories: Sequence[History], result: BacktestResult, test_share: float) -> str | None:
    """Names containers that hardly count in the table, where nobody would miss them: one wrong time far off is enough for that. None
    where all of them count."""
    horizons = len(np.unique(result.rows.horizon_days))
    truths = np.bincount(result.rows.container[~np.isnan(result.rows.truth)], minlength=len(histories)).tolist()
    days = [test_share * (history.times[-1] - history.times[0]) / DAY for history in histories]
    hardly = [
        f"{history.container_id} ({scored:,} scored; read from {_day(history.times[0])} to {_day(history.times[-1])})"
        for history, scored, length in zip(histories, truths, days, strict=True)
        if scored <= _HARDLY * length * horizons
    ]
    if not hardly:
        return None
    return (
        f"{counted(len(hardly), 'container')} with few scored forecasts for so long a time, or none: {some_of(hardly)}. Scored is the last "
        f"{100 * test_share:g} % of the time from a container's first reading to its last; a wrong time far from the others moves it to "
        "where nothing was read, and so does a long gap"
    )


def refuse_nothing_known(result: BacktestResult) -> None:
    """Raises `UserError` where nothing could be scored."""
    if bool(np.isnan(result.rows.truth).all()):
        raise UserError(
            "no forecast could be scored: in the last part of each container's time nothing was read that one could be compared with; "
            "give a larger --test-share, or look whether a container's last time is right"
        )


def unfitted_note(result: BacktestResult, refit_days: int) -> str | None:
    """Says so where forecasts had to do without the global model."""
    if result.unfitted == 0:
        return None
    return (
        f"of {100 * result.unfitted:.0f} % of the forecasts no global model is a member: when it was to be fitted, too little had been read. It is "
        f"fitted every {refit_days} days from the first day on; --refit-days can be less"
    )


def draw_reliability(path: Path, result: BacktestResult, quantiles: tuple[float, ...]) -> None:
    """How often the truth lay below each quantile, against how often it should; one line per class."""
    figure, axes = _figure(1)
    (plot,) = axes
    known = ~np.isnan(result.rows.truth)
    plot.plot([0, 1], [0, 1], color="0.7", linewidth=1, label="right")
    for label, chosen in classes(result):
        case = chosen & known
        if bool(case.any()):
            found = reliability(result.rows.truth[case], result.forecasts[FORECASTER][case], quantiles)
            plot.plot(quantiles, found, marker="o", label=f"{label} ({case.sum():,})")
    plot.set(
        xlabel="forecast quantile", ylabel="share of truths below it (ties half)", xlim=(0, 1), ylim=(0, 1), title="Reliability"
    )
    plot.legend()
    figure.savefig(path, dpi=120)


def draw_fans(path: Path, histories: Sequence[History], result: BacktestResult, quantiles: tuple[float, ...]) -> None:
    """Forecasts of some moments of up to four containers, slow and fast ones, over what was read: median and `interval`."""
    chosen = _charted(result)
    days = int(result.rows.horizon_days.max()) + _AROUND_FANS_DAYS
    figure, axes = _figure(len(chosen))
    for plot, index in zip(axes, chosen, strict=True):
        history = histories[index]
        scored = (result.rows.container == index) & ~np.isnan(result.rows.truth)
        shown = _spread(np.unique(result.rows.cutoff[scored]), days * DAY)
        window = (history.times >= shown[0] - _BEFORE_FANS_DAYS * DAY) & (history.times <= shown[-1] + days * DAY)
        plot.plot(_moments(history.times[window]), 100 * history.levels[window], ".", color="0.3", markersize=2.5)
        for cutoff in shown.tolist():
            times, levels = _fan(history, index, cutoff, result, quantiles)
            plot.fill_between(_moments(times), 100 * levels[:, 0], 100 * levels[:, 2], alpha=0.3, color="tab:blue", linewidth=0)
            plot.plot(_moments(times), 100 * levels[:, 1], color="tab:blue", linewidth=1.2)
            plot.axvline(moment(cutoff), color="tab:red", linewidth=0.7)
        # A dollar sign begins a formula there.
        plot.set(title=f"{history.container_id} ({history.fraction})".replace("$", r"\$"), ylabel="% full", ylim=(-3, 103))
        plot.tick_params(axis="x", labelsize=7)
    figure.suptitle(
        f"Forecasts made at the red lines: median and {interval_share(quantiles)} % interval; dots were read", fontsize=9
    )
    figure.savefig(path, dpi=120)


def _fan(
    history: History, index: int, cutoff: float, result: BacktestResult, quantiles: tuple[float, ...]
) -> tuple[FloatArray, FloatArray]:
    """Times, and levels [time, (low, median, high)]: from the cutoff, with the level that was read last by then, over its targets."""
    low, high = interval(quantiles)
    rows = (result.rows.container == index) & (result.rows.cutoff == cutoff)
    last = history.levels[np.searchsorted(history.times, cutoff, side="right") - 1]
    ahead = result.forecasts[FORECASTER][rows][:, [low, quantiles.index(0.5), high]]
    return np.concatenate([[cutoff], result.rows.target_at[rows]]), np.vstack([np.full(3, last), ahead])


def _spread(cutoffs: FloatArray, apart: float) -> FloatArray:
    """Up to four cutoffs at least `apart` seconds from each other, from the middle of those given (rising, at least one)."""
    picked: list[float] = []
    for cutoff in cutoffs.tolist():
        if not picked or cutoff >= picked[-1] + apart:
            picked.append(cutoff)
    first = max(0, (len(picked) - _FANS) // 2)
    return np.array(picked[first : first + _FANS])


def _charted(result: BacktestResult) -> list[int]:
    """The first containers of each class, of those that were scored."""
    scored = ~np.isnan(result.rows.truth)
    slow = np.unique(result.rows.container[scored & ~result.fast]).tolist()
    fast = np.unique(result.rows.container[scored & result.fast]).tolist()
    half = _CHARTED_CONTAINERS // 2
    fast_share = fast[: max(half, _CHARTED_CONTAINERS - len(slow))]
    return [*slow[: _CHARTED_CONTAINERS - len(fast_share)], *fast_share]


def _moments(times: FloatArray) -> list[datetime]:
    return [moment(at) for at in times.tolist()]


def _day(seconds: float) -> str:
    return moment(seconds).date().isoformat()


def _figure(rows: int) -> tuple[Any, Any]:
    """matplotlib's figure and its axes, one below the other. Its types know no times on an axis; it is imported here because it is slow to."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(rows, 1, figsize=(9, 6 if rows == 1 else 2.6 * rows), layout="constrained", squeeze=False)
    return figure, axes[:, 0]
