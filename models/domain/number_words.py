"""Figures as people of a language write them."""

from __future__ import annotations

from models.domain.language import Language


def number_in_words(value: float, digits: int, language: Language) -> str:
    """A figure with the language's decimal sign."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if language == "nl" else text
