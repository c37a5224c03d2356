"""What a backtest shows: one table of scores, a reliability diagram, and fan charts of a few containers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.fill_forecast.backtest import FORECASTER, BacktestResult
from models.fill_forecast.history import DAY, BoolArray, FloatArray, History, moment
from models.fill_forecast.scores import Scores, reliability, scores

_CHARTED_CONTAINERS = 4


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


def classes(result: BacktestResult) -> list[tuple[str, BoolArray]]:
    """Slow and fast containers; all together first where there are both."""
    every = np.ones(len(result.fast), dtype=bool)
    if bool(result.fast.all()) or not bool(result.fast.any()):
        return [("fast" if bool(result.fast.all()) else "slow", every)]
    return [("all", every), ("slow", ~result.fast), ("fast", result.fast)]


def table_lines(table: Sequence[tuple[str, str, str, Scores]], quantiles: tuple[float, ...]) -> list[str]:
    """The table as text. Points are per cent of full; the interval is that between the outermost quantiles."""
    share = round(100 * (quantiles[-1] - quantiles[0]))
    width = max(len(name) for _, _, name, _ in table)
    lines = [
        f"{'class':<6}{'days':<6}{'':<{width}}{'cases':>9}{'MAE':>8}{'pinball':>9}{f'cover {share} %':>12}{'ties half':>11}{'width':>8}",
        f"{'':<6}{'':<6}{'':<{width}}{'':>9}{'points':>8}{'points':>9}{'%':>12}{'%':>11}{'points':>8}",
    ]
    for label, horizon, name, found in table:
        if name == FORECASTER:
            lines.append("")
        lines.append(
            f"{label:<6}{horizon:<6}{name:<{width}}{found.cases:>9,}{100 * found.mae:>8.2f}{100 * found.pinball:>9.3f}"
            f"{100 * found.coverage:>12.1f}{100 * found.coverage_ties_half:>11.1f}{100 * found.width:>8.1f}"
        )
    return lines


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
    """Forecasts of four moments of up to four containers, slow and fast ones, over what was read."""
    chosen = _charted(result)
    figure, axes = _figure(len(chosen))
    for plot, index in zip(axes, chosen, strict=True):
        mine = result.rows.container == index
        cutoffs = np.unique(result.rows.cutoff[mine])
        shown = _spread(cutoffs)
        history = histories[index]
        window = (history.times >= shown[0] - 7 * DAY) & (history.times <= shown[-1] + 9 * DAY)
        plot.plot(
            [moment(at) for at in history.times[window].tolist()], 100 * history.levels[window], ".", color="0.3", markersize=2.5
        )
        for cutoff in shown:
            fan = mine & (result.rows.cutoff == cutoff)
            at = [moment(seconds) for seconds in result.rows.target_at[fan].tolist()]
            levels = 100 * result.forecasts[FORECASTER][fan]
            plot.fill_between(at, levels[:, 0], levels[:, -1], alpha=0.3, color="tab:blue", linewidth=0)
            plot.plot(at, levels[:, levels.shape[1] // 2], color="tab:blue", linewidth=1.2)
            plot.axvline(moment(float(cutoff)), color="tab:red", linewidth=0.7)
        plot.set(title=f"{history.container_id} ({history.fraction})", ylabel="% full", ylim=(-3, 103))
        plot.tick_params(axis="x", labelsize=7)
    figure.savefig(path, dpi=120)


def _spread(cutoffs: FloatArray) -> FloatArray:
    """Up to four cutoffs nine days apart, from the middle of the test part."""
    middle = len(cutoffs) // 2
    picked: FloatArray = cutoffs[[max(0, min(len(cutoffs) - 1, middle + step)) for step in (-14, -5, 4, 13)]]
    return np.unique(picked)


def _charted(result: BacktestResult) -> list[int]:
    """The first containers of each class."""
    slow = np.unique(result.rows.container[~result.fast]).tolist()
    fast = np.unique(result.rows.container[result.fast]).tolist()
    half = _CHARTED_CONTAINERS // 2
    fast_share = fast[: max(half, _CHARTED_CONTAINERS - len(slow))]
    return [*slow[: _CHARTED_CONTAINERS - len(fast_share)], *fast_share]


def _figure(rows: int):  # type: ignore[no-untyped-def]  # matplotlib's figure and axes; imported here because it is slow to
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(rows, 1, figsize=(9, 6 if rows == 1 else 2.6 * rows), layout="constrained", squeeze=False)
    return figure, axes[:, 0]
