"""The sentence that says why a district is driven by its fixed route, in English or Dutch, from what decided it."""

from __future__ import annotations

from datetime import date

from models.domain.district_standing import HeldBy, HeldDistrict, Standing
from models.domain.language import Language
from models.domain.number_words import number_in_words
from models.domain.reason_words import day_in_words

_TEXTS: dict[Language, dict[HeldBy, str]] = {
    "en": {
        HeldBy.SHADOW: "{district} is in shadow mode: its fixed route is driven.",
        HeldBy.DATA: (
            "{district} is back on its fixed route since {since}: {without} of {containers} containers ({share} %) have no usable data, "
            "over {limit} % it falls back; it is planned again at {back} % or less, from {again} on."
        ),
        HeldBy.OVERFLOW: (
            "{district} is back on its fixed route since {since}: a container overflowed {by_plan} h a day under plans, over {limit} h it falls back "
            "({baseline} h under the fixed route); it is planned again at {back} h or less, from {again} on."
        ),
    },
    "nl": {
        HeldBy.SHADOW: "{district} draait in schaduwmodus: de vaste route wordt gereden.",
        HeldBy.DATA: (
            "{district} rijdt sinds {since} weer de vaste route: {without} van {containers} containers ({share} %) hebben geen bruikbare "
            "gegevens, boven {limit} % valt de wijk terug; vanaf {again} wordt hij bij {back} % of minder weer gepland."
        ),
        HeldBy.OVERFLOW: (
            "{district} rijdt sinds {since} weer de vaste route: een container liep onder plannen {by_plan} uur per dag over, "
            "boven {limit} uur valt de wijk terug ({baseline} uur onder de vaste route); "
            "vanaf {again} wordt hij bij {back} uur of minder weer gepland."
        ),
    },
}


def held_sentence(held: HeldDistrict, language: Language) -> str:
    """Why, since when, and when it is planned again."""
    standing = held.standing
    share = held.by is HeldBy.DATA

    def limit(value: float | None) -> str:
        if value is None:
            return "–"
        return number_in_words(value * 100, 0, language) if share else number_in_words(value, 2, language)

    return _TEXTS[language][held.by].format(
        district=held.district,
        since=day_in_words(held.since, language) if held.since else "",
        again=day_in_words(held.planned_again_from, language) if held.planned_again_from else "",
        without=standing.without_data,
        containers=standing.containers,
        share=number_in_words(standing.share_without_data * 100, 0, language),
        limit=limit(held.limit),
        back=limit(held.back_at),
        by_plan="–" if standing.overflow_by_plan_h is None else number_in_words(standing.overflow_by_plan_h, 2, language),
        baseline="–" if standing.overflow_baseline_h is None else number_in_words(standing.overflow_baseline_h, 2, language),
    )


def planned_again_sentence(standing: Standing, day: date, language: Language) -> str:
    """That a district is planned again from a day on."""
    text = {
        "en": "{district} is planned again from {day} on: its data and its overflow are back within their limits.",
        "nl": "{district} wordt vanaf {day} weer gepland: gegevens en overloop zijn weer binnen hun grenzen.",
    }[language]
    return text.format(district=standing.district, day=day_in_words(day, language))
