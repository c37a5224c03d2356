"""`demo-report.html`: the closing figures and pictures in one file that can be mailed."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from stadspuls.demo.summary import DemoSummary, sentences

_STATE_COLOURS = {"ok": "#2b8a7e", "half": "#d9a400", "nearly_full": "#e0701a", "full": "#c0182f"}


def write_report(
    path: Path,
    summary: DemoSummary,
    base_map: dict[str, Any],
    things: list[dict[str, Any]],
    day: dict[str, Any] | None,
    example: dict[str, Any] | None,
) -> None:
    """Writes the report. `example` holds the history and forecast of one container as the API gives them."""
    pictures = [("The coming collection day's tours in the simulated city", _map_picture(base_map, things, day))]
    if example is not None:
        pictures.append((f"Level and forecast of {example['container_id']}", _fan_picture(example)))
    body = "".join(f"<p>{html.escape(line)}</p>" for line in sentences(summary))
    images = "".join(f"<h2>{html.escape(title)}</h2><img alt='{html.escape(title)}' src='{data}'>" for title, data in pictures)
    reasons = _reasons(day)
    path.write_text(
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Stadspuls demo</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2b36}"
        "img{max-width:100%}table{border-collapse:collapse}td,th{border-bottom:1px solid #ccc;padding:.3rem .6rem;text-align:left}</style>"
        f"<h1>Stadspuls: a simulated {html.escape(summary.city)}</h1>{body}{_figures(summary)}{images}{reasons}</html>",
        encoding="utf-8",
    )


def _figures(summary: DemoSummary) -> str:
    rows = {
        "database engine": summary.engine,
        "seconds until the page was alive": f"{summary.seconds_to_page:.0f}",
        "seconds until the plan was there": f"{summary.seconds_to_plan:.0f}",
        "messages a second while the history streamed": f"{summary.history_messages_per_s:,.0f}",
        **{f"seconds: {name}": f"{seconds:.0f}" for name, seconds in summary.step_seconds.items()},
    }
    cells = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in rows.items())
    return f"<h2>Figures of this run</h2><table>{cells}</table>"


def _reasons(day: dict[str, Any] | None) -> str:
    if day is None:
        return ""
    decisions = [item for plan in day["plans"] for item in plan["decisions"]]
    chosen = [item for item in decisions if item["collected"]][:8] + [item for item in decisions if not item["collected"]][:8]
    rows = "".join(
        f"<tr><td>{html.escape(item['container_id'])}</td><td>{'collected' if item['collected'] else 'not collected'}</td>"
        f"<td>{html.escape(item['reason'])}</td></tr>"
        for item in chosen
    )
    return f"<h2>Some of the reasons</h2><table>{rows}</table>"


def _map_picture(base_map: dict[str, Any], things: list[dict[str, Any]], day: dict[str, Any] | None) -> str:
    figure, axes = plt.subplots(figsize=(9, 8))
    styles = {"street": ("#c5ced3", 1.0), "canal": ("#a9cfe0", 3.0)}
    for feature in base_map["features"]:
        kind, geometry = feature["properties"]["type"], feature["geometry"]
        if geometry["type"] == "Polygon":
            longitudes, latitudes = zip(*geometry["coordinates"][0], strict=True)
            axes.fill(longitudes, latitudes, color={"water": "#c3e0ec", "park": "#dcecd6"}.get(kind, "#fbfbfb"), zorder=0)
        elif geometry["type"] == "LineString":
            longitudes, latitudes = zip(*geometry["coordinates"], strict=True)
            colour, width = styles.get(kind, ("#b9c4ca", 0.6))
            axes.plot(longitudes, latitudes, color=colour, linewidth=width, zorder=1)
    for number, tour in enumerate(tour for plan in (day or {"plans": []})["plans"] for tour in plan["routes"]):
        if len(tour["path"]) > 1:
            latitudes, longitudes = zip(*tour["path"], strict=True)
            axes.plot(longitudes, latitudes, linewidth=1.8, alpha=0.8, color=f"C{number % 10}", zorder=2)
    containers = [thing for thing in things if thing["thing_type"] == "container"]
    colours = [_STATE_COLOURS.get(thing["state"], "#8a969e") for thing in containers]
    axes.scatter(
        [c["longitude"] for c in containers],
        [c["latitude"] for c in containers],
        c=colours,
        s=14,
        zorder=3,
        edgecolors="white",
        linewidths=0.4,
    )
    axes.set_aspect(1.64)
    axes.set_axis_off()
    return _data_address(figure)


def _fan_picture(example: dict[str, Any]) -> str:
    figure, axes = plt.subplots(figsize=(9, 4))
    times = [_moment(point["observed_at"]) for point in example["history"]]
    axes.plot(times, [point["fill_ratio"] for point in example["history"]], color="#1d2b36", linewidth=1)
    forecast = example["forecast"]
    ahead = [_moment(point["at"]) for point in forecast["points"]]
    for low, high, colour in ((0.05, 0.95, "#c7dbe6"), (0.1, 0.9, "#a5c6d8"), (0.25, 0.75, "#78a9c3")):
        bounds = [forecast["quantiles"].index(q) for q in (low, high) if q in forecast["quantiles"]]
        if len(bounds) == 2:
            axes.fill_between(
                ahead,
                [p["levels"][bounds[0]] for p in forecast["points"]],
                [p["levels"][bounds[1]] for p in forecast["points"]],
                color=colour,
                label=f"{round((high - low) * 100)} % interval",
            )
    axes.axhline(1.0, color="#c0182f", linewidth=0.8)
    axes.axhline(0.8, color="#e0701a", linewidth=0.8, linestyle="--")
    axes.set_ylabel("fill ratio")
    axes.legend(loc="upper left")
    figure.autofmt_xdate()
    return _data_address(figure)


def _moment(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


def _data_address(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    plt.close(figure)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
