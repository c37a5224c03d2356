"""A plan's verdict and the price of wishes as sentences, in English or Dutch, from their figures alone."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from models.domain.held_words import held_sentence
from models.domain.language import Language
from models.domain.number_words import number_in_words
from models.domain.plan import CollectionPlan
from models.domain.plan_day import DayEventKind, WishKind
from models.domain.reason_words import day_in_words
from models.domain.verdict import (
    About,
    AskedOf,
    BrokenLimit,
    Compared,
    Disrupted,
    LeftOut,
    LeftOutFor,
    PriceFigures,
    Replanned,
    Told,
    Tours,
    VerdictFigures,
    WhatIsKept,
    Wished,
)

_TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        WhatIsKept.PLAN: "The plan is better and is kept: {compared} {money}.",
        WhatIsKept.FIXED: "The fixed schedule is better today and is kept: {compared} {money}.",
        WhatIsKept.PLAN_AS_FIXED_BREAKS_A_RULE: (
            "The fixed schedule weighs less but breaks a rule today{broken}, so the plan is kept: {compared} {money}."
        ),
        BrokenLimit.WINDOW: "the hours of a container",
        BrokenLimit.WIDTH: "the width of a street",
        BrokenLimit.WEIGHT: "the weight limit of a street",
        BrokenLimit.BREAK: "a crew's break",
        BrokenLimit.SHIFT_LENGTH: "the longest shift of a crew",
        BrokenLimit.SHIFT_LOAD: "the litres that a truck takes per shift",
        BrokenLimit.SHIFT_STOPS: "the stops that a truck makes per shift",
        "compared": "the plan drives {plan_km} km with {plan}, the fixed schedule of the day {fixed_km} km with {fixed}{standing}",
        "standing": ", and would leave {left} that must go",
        "money": "(trucks and crews: € {plan} against € {fixed})",
        "truck": "1 truck",
        "trucks": "{count} trucks",
        "stop": "1 stop",
        "stops": "{count} stops",
        "and": "{trucks} and {stops}",
        "disrupted": "Disrupted day ({reason}): {trucks} for {fractions}, {order}; {tours}, {km} km. The day is left out of learning.",
        "by_district": "district by district, the one with most expected overflow first",
        "by_overflow": "by expected overflow",
        "wished": "Changed as a planner asked ({wishes}): {price}",
        "searched": "Planned anew as a planner asked ({wishes}), as it did not fit into the tours as they were.",
        WishKind.PIN: "pin {container}",
        WishKind.FORBID: "forbid {container}",
        "by_truck": " by {truck}",
        "more": "{km} km more",
        "less": "{km} km less",
        "price": "{way}, {minutes} minutes, € {cost}; {overflow}{other}.",
        "more_overflow": "{count} containers more are expected to overflow",
        "less_overflow": "{count} containers fewer are expected to overflow",
        "same_overflow": "the expected overflows stay the same",
        "also": "; it also changes {also}",
        "nothing_else": "; nothing else changes",
        DayEventKind.TRUCK_OUT: "{subject} is out",
        DayEventKind.ROAD_BLOCKED: "{subject} is blocked",
        DayEventKind.URGENT: "{subject} is urgent",
        "replanned": (
            "Planned anew at {at}: {what}{note}. Of what was to come {trucks_kept} % stays with its truck and {arcs_kept} % in its "
            "order.{words}{left}"
        ),
        "words": " What is driven follows the crews' words of {trucks}{others}.",
        "other_trucks": ", of {trucks} the plan's times",
        "left": " Left out: {left}.",
        "near": (
            " Of the plan before, {trucks_kept} % of the stops that are collected again stay with their truck and {arcs_kept} % of what is "
            "still asked for stays in its order."
        ),
        "levelled": (
            " The week is levelled: {containers} of them are brought forward; {day} alone would have taken {share} % of its trucks' hours."
        ),
        "bridges": " Out of service: {bridges}; with the way open these tours would be {km} km shorter.",
    },
    "nl": {
        WhatIsKept.PLAN: "Het plan is beter en blijft: {compared} {money}.",
        WhatIsKept.FIXED: "Het vaste schema is vandaag beter en blijft: {compared} {money}.",
        WhatIsKept.PLAN_AS_FIXED_BREAKS_A_RULE: (
            "Het vaste schema weegt minder maar overtreedt vandaag een regel{broken}, dus het plan blijft: {compared} {money}."
        ),
        BrokenLimit.WINDOW: "de venstertijd van een container",
        BrokenLimit.WIDTH: "de breedte van een straat",
        BrokenLimit.WEIGHT: "de gewichtsbeperking van een straat",
        BrokenLimit.BREAK: "de pauze van een ploeg",
        BrokenLimit.SHIFT_LENGTH: "de langste dienst van een ploeg",
        BrokenLimit.SHIFT_LOAD: "de liters die een wagen per dienst meeneemt",
        BrokenLimit.SHIFT_STOPS: "de stops die een wagen per dienst maakt",
        "compared": "het plan rijdt {plan_km} km met {plan}, het vaste schema van de dag {fixed_km} km met {fixed}{standing}",
        "standing": ", en zou er {left} laten staan die mee moeten",
        "money": "(wagens en ploegen: € {plan} tegen € {fixed})",
        "truck": "1 wagen",
        "trucks": "{count} wagens",
        "stop": "1 stop",
        "stops": "{count} stops",
        "and": "{trucks} en {stops}",
        "disrupted": "Verstoorde dag ({reason}): {trucks} voor {fractions}, {order}; {tours}, {km} km. Van deze dag wordt niets geleerd.",
        "by_district": "wijk voor wijk, die met de meeste verwachte overloop eerst",
        "by_overflow": "naar verwachte overloop",
        "wished": "Veranderd zoals een planner vroeg ({wishes}): {price}",
        "searched": "Opnieuw gepland zoals een planner vroeg ({wishes}), omdat het niet in de routes paste zoals ze waren.",
        WishKind.PIN: "{container} meenemen",
        WishKind.FORBID: "{container} weglaten",
        "by_truck": " met {truck}",
        "more": "{km} km meer",
        "less": "{km} km minder",
        "price": "{way}, {minutes} minuten, € {cost}; {overflow}{other}.",
        "more_overflow": "naar verwachting lopen {count} containers meer over",
        "less_overflow": "naar verwachting lopen {count} containers minder over",
        "same_overflow": "de verwachte overloop blijft gelijk",
        "also": "; het verandert ook {also}",
        "nothing_else": "; verder verandert er niets",
        DayEventKind.TRUCK_OUT: "{subject} valt uit",
        DayEventKind.ROAD_BLOCKED: "{subject} is versperd",
        DayEventKind.URGENT: "{subject} heeft haast",
        "replanned": (
            "Opnieuw gepland om {at}: {what}{note}. Van wat nog kwam blijft {trucks_kept} % bij zijn wagen en {arcs_kept} % in zijn "
            "volgorde.{words}{left}"
        ),
        "words": " Wat gereden is volgt de woorden van de ploegen van {trucks}{others}.",
        "other_trucks": ", bij {trucks} de tijden van het plan",
        "left": " Weggelaten: {left}.",
        "near": (
            " Van het plan ervoor blijft {trucks_kept} % van de stops die weer worden geleegd bij zijn wagen en {arcs_kept} % van wat nog "
            "gevraagd wordt in zijn volgorde."
        ),
        "levelled": (
            " De week is geëffend: {containers} ervan zijn naar voren gehaald; {day} alleen had {share} % van de wagenuren gevraagd."
        ),
        "bridges": " Buiten gebruik: {bridges}; met open weg zouden deze routes {km} km korter zijn.",
    },
}

_LEFT_OUT = {
    LeftOutFor.NO_ROOM: "geen wagen heeft er nog ruimte of tijd voor",
    LeftOutFor.UNREACHABLE: "er leidt geen weg heen",
    LeftOutFor.NO_TRUCK: "geen wagen kan hem op tijd legen",
}


def verdict_sentence(plan: CollectionPlan, language: Language, zone: ZoneInfo) -> str:
    """The verdict of a stored plan. One of an earlier release keeps the sentence it has."""
    if plan.verdict_figures is None:
        return plan.verdict
    told = verdict_in_words(plan.verdict_figures, language, zone)
    return " ".join([told, *(held_sentence(item, language) for item in plan.held)])


def verdict_in_words(figures: VerdictFigures, language: Language, zone: ZoneInfo) -> str:
    """The verdict without the districts that are held to their fixed routes."""
    told, texts = _main(figures.main, language, zone), _TEXTS[language]
    if figures.near is not None:
        trucks_kept, arcs_kept = (f"{share * 100:.0f}" for share in (figures.near.trucks_kept, figures.near.arcs_kept))
        told += texts["near"].format(trucks_kept=trucks_kept, arcs_kept=arcs_kept)
    if figures.levelled is not None:
        busy = figures.levelled
        day, share = day_in_words(busy.busy_day, language), f"{busy.busy_share * 100:.0f}"
        told += texts["levelled"].format(containers=busy.containers, day=day, share=share)
    if figures.shorter_m > 0:
        km = number_in_words(figures.shorter_m / 1000, 1, language)
        told += texts["bridges"].format(bridges=", ".join(figures.bridges), km=km)
    return told


def price_sentence(price: PriceFigures, language: Language) -> str:
    """What a wish costs, for a person."""
    texts = _TEXTS[language]
    overflow = "more_overflow" if price.expected_overflows > 0 else "less_overflow"
    if abs(price.expected_overflows) < 0.005:
        overflow = "same_overflow"
    return texts["price"].format(
        way=texts["more" if price.metres >= 0 else "less"].format(km=number_in_words(abs(price.metres) / 1000, 1, language)),
        minutes=f"{price.seconds / 60:+.0f}",
        cost=("+" if price.cost >= 0 else "") + number_in_words(price.cost, 2, language),
        overflow=texts[overflow].format(count=number_in_words(abs(price.expected_overflows), 2, language)),
        other=texts["also"].format(also=", ".join(price.also)) if price.also else texts["nothing_else"],
    )


def _main(about: About, language: Language, zone: ZoneInfo) -> str:
    if isinstance(about, Compared):
        return _compared(about, language)
    if isinstance(about, Disrupted):
        return _disrupted(about, language)
    if isinstance(about, Wished):
        return _wished(about, language)
    if isinstance(about, Told):
        return about.text
    return _replanned(about, language, zone)


def _compared(about: Compared, language: Language) -> str:
    texts = _TEXTS[language]
    compared = texts["compared"].format(
        plan_km=number_in_words(about.plan.distance_m / 1000, 1, language),
        plan=_count(about.plan, language),
        fixed_km=number_in_words(about.fixed.distance_m / 1000, 1, language),
        fixed=_count(about.fixed, language),
        standing=texts["standing"].format(left=about.left_standing) if about.left_standing else "",
    )
    money = texts["money"].format(plan=f"{about.plan.cost:.0f}", fixed=f"{about.fixed.cost:.0f}")
    broken = f" ({', '.join(texts[limit] for limit in about.broken)})" if about.broken else ""
    return texts[about.kept].format(compared=compared, money=money, broken=broken)


def _count(tours: Tours, language: Language) -> str:
    texts = _TEXTS[language]
    return texts["and"].format(
        trucks=_trucks(tours.trucks, language), stops=texts["stop" if tours.stops == 1 else "stops"].format(count=tours.stops)
    )


def _trucks(count: int, language: Language) -> str:
    return _TEXTS[language]["truck" if count == 1 else "trucks"].format(count=count)


def _disrupted(about: Disrupted, language: Language) -> str:
    texts = _TEXTS[language]
    return texts["disrupted"].format(
        reason=about.reason,
        trucks=_trucks(about.trucks_left, language),
        fractions=", ".join(about.fractions),
        order=texts["by_district" if about.district_by_district else "by_overflow"],
        tours=_count(about.tours, language),
        km=number_in_words(about.tours.distance_m / 1000, 1, language),
    )


def _wished(about: Wished, language: Language) -> str:
    named = ", ".join(_asked(wish, language) for wish in about.wishes)
    if about.price is None:
        return _TEXTS[language]["searched"].format(wishes=named)
    return _TEXTS[language]["wished"].format(wishes=named, price=price_sentence(about.price, language))


def _asked(wish: AskedOf, language: Language) -> str:
    texts = _TEXTS[language]
    by = texts["by_truck"].format(truck=wish.truck_id) if wish.truck_id else ""
    return texts[wish.kind].format(container=wish.container_id) + by


def _replanned(about: Replanned, language: Language, zone: ZoneInfo) -> str:
    texts = _TEXTS[language]
    left = ", ".join(f"{item.container_id} ({_why_left(item, language)})" for item in about.left_out)
    return texts["replanned"].format(
        at=f"{about.event.at.astimezone(zone):%H:%M}",
        what=texts[about.event.kind].format(subject=about.event.subject),
        note=f" ({about.event.note})" if about.event.note else "",
        trucks_kept=f"{about.trucks_kept * 100:.0f}",
        arcs_kept=f"{about.arcs_kept * 100:.0f}",
        words=_words(about, language) if about.by_words else "",
        left=texts["left"].format(left=left) if left else "",
    )


def _words(about: Replanned, language: Language) -> str:
    texts = _TEXTS[language]
    others = texts["other_trucks"].format(trucks=", ".join(about.by_times)) if about.by_times else ""
    return texts["words"].format(trucks=", ".join(about.by_words), others=others)


def _why_left(item: LeftOut, language: Language) -> str:
    if item.why is LeftOutFor.CREW:
        return {"en": "its crew left it: {reason}", "nl": "de ploeg liet hem staan: {reason}"}[language].format(reason=item.detail)
    return _LEFT_OUT[item.why] if language == "nl" else item.detail
