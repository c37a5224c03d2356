"""When a container may be collected and by which trucks, as people write it, in English or Dutch: "only 07:00–11:00; trucks up to 2.30 m
wide". For reasons, sheets and pages."""

from __future__ import annotations

from collections.abc import Sequence

from models.domain.language import Language
from models.domain.number_words import clock, number_in_words
from models.domain.registry import Window

_TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "only": "only {windows}",
        "trucks": "trucks up to {limits}",
        "wide": "{metres} m wide",
        "weight": "{tonnes} t",
        "and": " and ",
    },
    "nl": {
        "only": "alleen {windows}",
        "trucks": "wagens tot {limits}",
        "wide": "{metres} m breed",
        "weight": "{tonnes} t",
        "and": " en ",
    },
}


def limits_in_words(
    windows: Sequence[Window] | None, max_truck_width_mm: int | None, max_truck_weight_kg: int | None, language: Language
) -> str:
    """Empty where nothing is limited."""
    texts, parts = _TEXTS[language], []
    if windows:
        shown = [f"{clock(opens)}–{clock(closes)}" for opens, closes in windows]
        parts.append(texts["only"].format(windows=texts["and"].join(shown)))
    sizes = []
    if max_truck_width_mm is not None:
        sizes.append(texts["wide"].format(metres=number_in_words(max_truck_width_mm / 1000, 2, language)))
    if max_truck_weight_kg is not None:
        sizes.append(texts["weight"].format(tonnes=number_in_words(max_truck_weight_kg / 1000, 1, language)))
    if sizes:
        parts.append(texts["trucks"].format(limits=texts["and"].join(sizes)))
    return "; ".join(parts)
