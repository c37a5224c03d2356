"""The plans of all fractions of a day, searched side by side, large ones by depot: a city of 10,000 containers is never one problem.

Pure but for the processes that it starts. The limit of a search holds for each part; with the iterations that it took each plan is made
again alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from processors.plan.planner import FractionDay, Planned, brought_together, chosen, ground_of, parts_of, search_near, stopping_of
from processors.routing.roads import RoadProfile, Roads
from processors.routing.side_by_side import side_by_side
from runtime.settings import PlanSettings


def plan_fractions(
    days: Sequence[FractionDay], roads: Roads, profile: RoadProfile, settings: PlanSettings, zone: ZoneInfo, made_at: datetime
) -> list[Planned]:
    """A plan for each fraction's day, in order, from searches in at most `plan_workers` processes. Raises `UserError` for a
    contradictory registry."""
    grounds = [ground_of(day, roads, profile, settings, zone, made_at) for day in days]
    known = [ground.known_routes(ground.day.known) for ground in grounds]
    parts = [parts_of(ground) for ground in grounds]
    stopping = stopping_of(settings)
    given = [(part, near, stopping, settings.plan_seed) for near, of in zip(known, parts, strict=True) for part in of]
    found = iter(side_by_side(search_near, given, settings.plan_workers))
    return [
        chosen(ground, brought_together(ground, near, list(islice(found, len(of)))))
        for ground, near, of in zip(grounds, known, parts, strict=True)
    ]
