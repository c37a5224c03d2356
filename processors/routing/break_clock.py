"""A clock without the break: the search runs on it, the break is put in exactly afterwards.

On this clock the hour of the break does not exist: times before it are themselves, times after it are earlier by its length.
Windows are narrowed so that what keeps them on this clock keeps them in the day wherever the break falls in its own window.
"""

from __future__ import annotations

from processors.routing.problem import BreakRule, Window


def without_break(window: Window, rule: BreakRule | None) -> Window | None:
    """The part of a window (bounds of a start of service) that is safe on the clock without the break; None if nothing is."""
    if rule is None:
        return window
    opens, closes = window
    length = rule.duration_s
    first, last = rule.earliest_start_s, rule.latest_start_s
    # A start later than `last` on this clock certainly comes after the break, one up to `first` certainly before it.
    safe_opens = min(opens, max(opens - length, last + 1))
    safe_closes = max(closes - length, min(closes, first))
    if rule.required_from_s > 0:  # the route may turn out too short to need its break: both readings must be safe
        safe_opens = max(safe_opens, opens)
    return (safe_opens, safe_closes) if safe_opens <= safe_closes else None


def shift_end_without_break(end_s: int, rule: BreakRule | None) -> int:
    """The end of a shift on the clock without the break."""
    return end_s if rule is None else end_s - rule.duration_s
