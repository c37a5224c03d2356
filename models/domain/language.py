"""The languages in which the city is told of plans."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "nl"]
