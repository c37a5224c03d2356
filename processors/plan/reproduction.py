"""A stored plan made again from its stored inputs, without the database or the city of today. Pure.

The plan's drawn paths are not part of it: they follow from the streets and decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from models.domain.plan import CollectionPlan
from models.domain.plan_day import Wish
from processors.plan.changes import with_wishes
from processors.plan.lock_file import differences, installed_versions
from processors.plan.planner import Planned, plan_fraction, planned, searched
from processors.plan.remaking import NotReproducible, stored_day, verdict_of
from processors.plan.replanning import renewed_again
from processors.plan.tours import tours_from_json
from processors.routing.roads import RoadProfile
from processors.routing.solve import Stopping


def made_again(kept: Mapping[str, Any]) -> Planned:
    """The plan, once more, in the way that it was made. Raises `NotReproducible` when a package of another version is installed."""
    stored = stored_day(kept)
    changed = differences(kept["versions"], installed_versions())
    if changed:
        raise NotReproducible(f"the lock file changed since: {'; '.join(changed)}")
    made = kept["made"]
    if made["how"] == "wishes":
        ground = stored.ground()
        asked = [Wish.model_validate(item) for item in made["wishes"]]
        solution = with_wishes(ground, tours_from_json(made["tours"]), asked)
        if solution is None:
            raise NotReproducible("the stored wishes do not fit into the stored tours")
        return planned(ground, solution, verdict_of(made), kept_fixed=made["kept_fixed"])
    if made["how"] == "replan":
        return renewed_again(kept, stored)
    if made["how"] == "search":
        ground = stored.ground()
        stayed = searched(ground, Stopping(parts=tuple(kept["search"]["parts"])), tours_from_json(made.get("known", ())))
        return planned(ground, stayed.solution, verdict_of(made), stayed=stayed.change)
    if made["how"] != "solve":
        raise NotReproducible(f"this release does not know how a plan is made by {made['how']}")
    return plan_fraction(
        stored.day, stored.roads, RoadProfile(), stored.settings, stored.zone, stored.made_at, tuple(kept["search"]["parts"])
    )


def decided(plan: CollectionPlan) -> bytes:
    """What a plan decided, as bytes: every container's decision, the tours with their times, and the verdict."""
    return orjson.dumps(
        {
            "decisions": [item.model_dump(mode="json") for item in plan.decisions],
            "routes": [item.model_dump(mode="json", exclude={"path"}) for item in plan.routes],
            "check_failures": list(plan.check_failures),
            "verdict": plan.verdict,
        },
        option=orjson.OPT_SORT_KEYS,
    )
