"""Times of day and spans of time as registry files write them: 07:00, 07:00-11:00|13:00-16:00, minutes and hours. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.domain.number_words import clock

_CLOCK = re.compile(r"([0-2]?[0-9]|30):([0-5][0-9])")
_WINDOW = re.compile(r"\s*([0-9:]+)\s*[-–]\s*([0-9:]+)\s*")


def clock_seconds(text: str) -> int | None:
    """Seconds of a day that is written like 07:00, on to 30:59 for times after midnight; None for anything else."""
    found = _CLOCK.fullmatch(text.strip())
    return None if found is None else int(found[1]) * 3600 + int(found[2]) * 60


def window_seconds(text: str) -> list[tuple[int, int]] | None:
    """Windows written like 07:00-11:00|13:00-16:00, in order of the day; None for anything else."""
    found = [_window(part) for part in text.split("|")]
    windows = [window for window in found if window is not None]
    return sorted(windows) if len(windows) == len(found) else None


def window_text(windows: Sequence[tuple[int, int]]) -> str:
    """07:00-11:00|13:00-16:00."""
    return "|".join(f"{clock(opens)}-{clock(closes)}" for opens, closes in windows)


def _window(text: str) -> tuple[int, int] | None:
    found = _WINDOW.fullmatch(text)
    if found is None:
        return None
    opens, closes = clock_seconds(found[1]), clock_seconds(found[2])
    return None if opens is None or closes is None else (opens, closes)
