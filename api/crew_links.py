"""Links to one truck's page of one day: signed, valid on that day, naming a truck and never a person.

The token travels behind the `#` of the address and in a header, never in a path or a query, so that no log keeps it.
"""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

NIGHT_SHIFT_UNTIL = time(4)
"""A day's links hold until this hour of the next morning."""
SIGNATURE_BYTES = 16


class LinkRefused(Exception):
    """The link does not open: `gone` when its day is over, else it was never made here or its day has not come."""

    def __init__(self, sentence: str, *, gone: bool = False) -> None:
        super().__init__(sentence)
        self.gone = gone


def crew_token(key: str, plan_date: date, truck_id: str) -> str:
    """The token of a truck's day."""
    truck = base64.urlsafe_b64encode(truck_id.encode()).decode().rstrip("=")
    return f"{plan_date:%Y%m%d}.{truck}.{_signature(key, plan_date, truck_id)}"


def crew_of(key: str, token: str, now: datetime, zone: ZoneInfo) -> tuple[date, str]:
    """Day and truck of a token that is valid now. Raises `LinkRefused` with the sentence that a crew is to read."""
    try:
        day, truck, signature = token.split(".")
        plan_date = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()
        truck_id = base64.urlsafe_b64decode(truck + "=" * (-len(truck) % 4)).decode()
    except ValueError:
        raise LinkRefused("This link is not complete: scan the code on the sheet again.") from None
    if not key or not hmac.compare_digest(signature.encode(), _signature(key, plan_date, truck_id).encode()):
        raise LinkRefused("This link was not made here: scan the code on the sheet again.")
    opens = datetime.combine(plan_date, time(), zone)
    closes = datetime.combine(plan_date + timedelta(days=1), NIGHT_SHIFT_UNTIL, zone)
    if now < opens:
        raise LinkRefused(f"This link opens on {plan_date.isoformat()}.")
    if now >= closes:
        raise LinkRefused(f"This link was for {plan_date.isoformat()}: scan the code on today's sheet.", gone=True)
    return plan_date, truck_id


def _signature(key: str, plan_date: date, truck_id: str) -> str:
    digest = hmac.digest(key.encode(), f"crew/{plan_date.isoformat()}/{truck_id}".encode(), sha256)
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode().rstrip("=")
