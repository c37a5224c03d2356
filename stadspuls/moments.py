"""Moments as a person types them: an age such as 90m, 6h or 2d, or a time with its zone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from models.domain.failures import UserError

_AGE = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment_since(text: str, now: datetime) -> datetime:
    """The moment that `text` names. Raises `UserError` for anything else, and for a time without its zone."""
    age = _AGE.fullmatch(text)
    if age:
        return now - timedelta(**{_UNITS[age.group(2)]: int(age.group(1))})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{text!r} is no moment: give an age such as 90m, 6h or 2d, or a time such as 2026-11-22T10:00+01:00"
        ) from None
    if moment.tzinfo is None:
        raise UserError(f"{text!r} has no time zone: write it with one, such as {text}Z or {text}+01:00")
    return moment
