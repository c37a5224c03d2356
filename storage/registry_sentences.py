"""Turns pydantic's findings into sentences for whoever made the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


def sentences(error: ValidationError, named: Mapping[str, str] | None = None) -> str:
    """One sentence per field: what must be, and what stands there. `named` maps a field to its name in the file."""
    return "; ".join(_sentence(item, named or {}) for item in error.errors(include_url=False, include_context=True))


def _sentence(item: Any, named: Mapping[str, str]) -> str:
    location = item["loc"]
    field = named.get(str(location[0]), str(location[0])) if location else ""
    message, given = str(item["msg"]), item.get("input")
    if item["type"] == "missing":
        return f"{field} is missing"
    if item["type"] == "extra_forbidden":
        return f"{field} is not known"
    if item["type"] == "value_error":
        return message.removeprefix("Value error, ")
    if item["type"] == "string_pattern_mismatch":
        return f"{field} {_shown(given)} must start with a letter or digit and hold only letters, digits, dot, underscore, colon, hyphen"
    message = message.removeprefix("Input should be ").removesuffix(", unable to parse string as a number")
    return f"{field} {_shown(given)} should be {message}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
