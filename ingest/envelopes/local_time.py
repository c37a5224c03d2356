"""Local times of the Netherlands that come without a zone, from vendors that never send one, as UTC. Pure.

Called by `decode` for every such reading. Twice a year this is not a question of an offset: an hour that does not exist is refused, and of
an hour that comes twice the later one is taken that does not lie after the reception.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ingest.envelopes.json_document import schema, shown
from models.domain.failures import DeadLetterReason, InvalidMessage

DUTCH_TIME = ZoneInfo("Europe/Amsterdam")
_CLOCKS_APART = timedelta(minutes=5)
_FORMS = ("%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f")


def to_utc(moment: datetime, received_at: datetime) -> datetime:
    """An aware time in UTC, a zone-less one as Dutch local time. Raises `InvalidMessage` clock for an hour that does not exist."""
    if moment.tzinfo is not None:
        return moment
    try:
        first, second = (moment.replace(tzinfo=DUTCH_TIME, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError:
        raise schema(f"the local time {shown(moment.isoformat())} is out of range") from None
    if first == second:
        return first
    if first.astimezone(DUTCH_TIME).replace(tzinfo=None) != moment:
        raise InvalidMessage(
            DeadLetterReason.CLOCK,
            f"observed_at {moment.isoformat()} does not exist in the Netherlands: the clock was put forward over it",
        )
    return second if second <= received_at + _CLOCKS_APART else first


def local_moment(value: object, name: str) -> datetime:
    """A time as Dutch vendors write it: 22-11-2026 10:00, 2026-11-22 10:00:05; one with a zone is taken as it is. Raises `InvalidMessage`."""
    if type(value) is not str or not value:
        raise schema(f"{name} must be a time like 22-11-2026 10:00, not {shown(value)}")
    for form in _FORMS:
        try:
            return datetime.strptime(value, form)  # noqa: DTZ007  # zone-less on purpose: `to_utc` gives it its zone
        except ValueError:
            continue
    try:
        parsed = datetime.fromisoformat(value)
        return parsed if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise schema(f"{name} must be a time like 22-11-2026 10:00, not {shown(value)}") from None
