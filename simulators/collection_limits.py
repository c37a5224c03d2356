"""What limits collections in the made-up city: a market square with a morning window, a narrow lane, and a legal interval on organic waste.

Chosen by what containers are, without chance: the same city has the same limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from models.domain.registry import Window
from simulators.containers import SimulatedContainer

MARKET_DISTRICT = "Stad"
MARKET_WINDOWS: tuple[Window, ...] = ((25_200, 39_600),)
"""07:00 to 11:00, before the stalls."""
LANE_WIDTH_MM = 2400
ORGANIC_INTERVAL_DAYS = 14


def with_limits(containers: Sequence[SimulatedContainer]) -> tuple[SimulatedContainer, ...]:
    """The containers with their limits. The market is the busiest site of the inner city; the lane's container is the organic one at the
    quietest other site, where a small truck goes."""
    inner = [item for item in containers if item.thing.district == MARKET_DISTRICT] or list(containers)
    market = max(inner, key=lambda item: (item.site.activity, item.site.site_id)).site.site_id
    organic = [item for item in containers if item.fraction == "organic" and item.site.site_id != market]
    lane = min(organic, key=lambda item: (item.site.activity, item.thing.thing_id), default=None)
    return tuple(_limited(item, item.site.site_id == market, item is lane) for item in containers)


def _limited(container: SimulatedContainer, at_the_market: bool, in_the_lane: bool) -> SimulatedContainer:
    limits: dict[str, Any] = {}
    if at_the_market:
        limits["windows"] = MARKET_WINDOWS
    if in_the_lane:
        limits["max_truck_width_mm"] = LANE_WIDTH_MM
    if container.fraction == "organic":
        limits["max_interval_days"] = ORGANIC_INTERVAL_DAYS
    return replace(container, thing=container.thing.model_copy(update=limits))
