"""PROBLEM.json and PLAN.json: a collection problem and its plan as files that people and other programs can write.

`travel` is either the matrices themselves (`"metric": "matrix"`, `metres`, `seconds`, `source`) or coordinates with a metric
(`"metric": "manhattan"`, `at`, `unit_m`, `metres_per_s`), which keeps large problems small. Everything else is the fields of
`processors.routing.problem`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
from pydantic import ValidationError

from models.domain.failures import UserError
from models.domain.registry import DomainType
from processors.routing.problem import Depot, DisposalSite, IntMatrix, Problem, Stop, Truck
from processors.routing.solution import PlannedRoute

_SomeType = TypeVar("_SomeType", bound=DomainType)
_PARTS: tuple[tuple[str, type[DomainType]], ...] = (
    ("depots", Depot),
    ("disposal_sites", DisposalSite),
    ("trucks", Truck),
    ("stops", Stop),
)


def problem_from_json(content: Mapping[str, Any]) -> Problem:
    """The problem. Raises `UserError` naming the part and field that is wrong, or what contradicts itself."""
    for name in (*(name for name, _ in _PARTS), "travel"):
        if name not in content:
            raise UserError(f"the problem has no {name!r}")
    metres, seconds, source = _travel(content["travel"])
    return Problem(
        depots=_items(content["depots"], Depot, "depots"),
        disposal_sites=_items(content["disposal_sites"], DisposalSite, "disposal_sites"),
        trucks=_items(content["trucks"], Truck, "trucks"),
        stops=_items(content["stops"], Stop, "stops"),
        metres=metres,
        seconds=seconds,
        source=source,
    )


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """The problem with its matrices written out; `problem_from_json` gives it back."""
    content: dict[str, Any] = {
        name: [item.model_dump(mode="json", exclude_defaults=True) for item in getattr(problem, name)] for name, _ in _PARTS
    }
    content["travel"] = {
        "metric": "matrix",
        "source": problem.source,
        "metres": problem.metres.tolist(),
        "seconds": problem.seconds.tolist(),
    }
    return content


def routes_from_json(plan: Mapping[str, Any]) -> tuple[PlannedRoute, ...]:
    """The routes of a PLAN.json. Raises `UserError` naming the field that is wrong."""
    return _items(plan.get("routes"), PlannedRoute, "routes")


def read_json(path: Path) -> dict[str, Any]:
    """A file's JSON object; `UserError` when it cannot be read or is none."""
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold a JSON object")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON object, readable; `UserError` when it cannot be written."""
    try:
        path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 if _is_small(content) else None) + b"\n")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


def _is_small(content: Mapping[str, Any]) -> bool:
    travel = content.get("travel", {})
    return len(travel.get("metres", ())) < 50


def manhattan_matrices(at: Sequence[Sequence[float]], unit_m: float, metres_per_s: float) -> tuple[IntMatrix, IntMatrix]:
    """Metres, to the nearest, and seconds, rounded up, between places given in units of `unit_m`."""
    places = np.array(at, dtype=float)
    distance_m = np.abs(places[:, np.newaxis, :] - places[np.newaxis, :, :]).sum(axis=2) * unit_m
    metres = np.rint(distance_m).astype(np.int64)
    # nine digits are enough to see that 90.000000000001 is 90
    seconds = np.ceil(np.round(distance_m / metres_per_s, 9)).astype(np.int64)
    return metres, seconds


def _travel(travel: Any) -> tuple[IntMatrix, IntMatrix, str]:
    try:
        if travel["metric"] == "matrix":
            metres, seconds = (np.array(travel[name], dtype=np.int64) for name in ("metres", "seconds"))
            return metres, seconds, str(travel["source"])
        if travel["metric"] == "manhattan":
            metres, seconds = manhattan_matrices(travel["at"], float(travel["unit_m"]), float(travel["metres_per_s"]))
            return metres, seconds, str(travel.get("source", "Manhattan distance"))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the problem's travel is wrong: {type(error).__name__} {error}") from error
    raise UserError(f"the problem's travel has metric {travel['metric']!r}; it must be matrix or manhattan")


def _items(raw: Any, item_type: type[_SomeType], part: str) -> tuple[_SomeType, ...]:
    if not isinstance(raw, list):
        raise UserError(f"the problem's {part} must be a list")
    items = []
    for index, item in enumerate(raw):
        try:
            items.append(item_type.model_validate(item))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(step) for step in first["loc"])
            raise UserError(f"the problem's {part}[{index}] is wrong at {where!r}: {first['msg']}") from error
    return tuple(items)
