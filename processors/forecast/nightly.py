"""When the night's run is due: once per day from a local hour on, found from what is kept, so that restarts and rebalances lose nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

REFIT_HOURS = 3
"""Fitting a model is left to the hours after the nightly one, when little is asked."""


def nightly_since(now: datetime, zone: ZoneInfo, hour: int) -> datetime:
    """The newest passing of the local hour: what is kept with an earlier cutoff is another night's."""
    local = now.astimezone(zone)
    today = local.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    if today.astimezone(UTC) > now:
        today = (local - timedelta(days=1)).replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    return today.astimezone(UTC)


def refit_due(
    now: datetime, newest_fit: datetime | None, *, tried: datetime | None, zone: ZoneInfo, hour: int, refit_days: float
) -> bool:
    """Whether to fit a new model now: in the hours for it, if the newest is old enough and none was `tried` tonight."""
    night = nightly_since(now, zone, hour)
    if refit_days <= 0 or now - night >= timedelta(hours=REFIT_HOURS) or (tried is not None and tried >= night):
        return False
    return newest_fit is None or now - newest_fit >= timedelta(days=refit_days)
