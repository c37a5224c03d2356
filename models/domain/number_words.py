"""Figures and times of day as people write them."""

from __future__ import annotations

from models.domain.language import Language


def number_in_words(value: float, digits: int, language: Language) -> str:
    """A figure with the language's decimal sign."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if language == "nl" else text


def clock(second: int) -> str:
    """A second of the day as 07:00; 26:00 is two at night after it."""
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}"
