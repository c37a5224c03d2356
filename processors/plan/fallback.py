"""Whether a district falls back to its fixed route, from its standing alone. Pure; what is decided here is decided again from a stored plan.

It falls back when the share of its containers without usable data, or its overflow under plans against that under its fixed route, crosses
a limit. It is planned again only some days later, and only below a second, lower limit, so that it does not flap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from models.domain.district_standing import HeldBy, HeldDistrict, Standing
from models.domain.held_words import held_sentence, planned_again_sentence
from models.domain.language import Language
from models.domain.plan import Unusable
from processors.plan.judgement import Judgement
from runtime.settings import PlanSettings

_NO_DATA = frozenset({Unusable.NO_FORECAST, Unusable.STALE})


def with_counts(standings: Sequence[Standing], judgements: Sequence[Judgement]) -> tuple[Standing, ...]:
    """The standings with their containers counted, as judged for all fractions."""
    found = []
    for standing in standings:
        own = [item for item in judgements if item.container.district == standing.district]
        without = sum(1 for item in own if item.unusable in _NO_DATA)
        found.append(standing.model_copy(update={"containers": len(own), "without_data": without}))
    return tuple(found)


def held_districts(standings: Sequence[Standing], day: date, settings: PlanSettings) -> dict[str, HeldDistrict]:
    """District → why its fixed route is driven on a day; the others are planned."""
    found = [_held(standing, day, settings) for standing in standings]
    return {item.district: item for item in found if item is not None}


def held_to_schedule(judged: Judgement, held: Mapping[str, HeldDistrict]) -> Judgement:
    """The judgement of a container whose district is held: its level is known and decides nothing."""
    why = held.get(judged.container.district)
    if why is not None and why.by is HeldBy.SHADOW:
        judged = replace(judged, legal=None)  # the city drives its schedule there, and answers for it
    if why is None or not judged.usable:
        return judged
    unusable = Unusable.SHADOW if why.by is HeldBy.SHADOW else Unusable.FALLEN_BACK
    return replace(judged, prize=0.0, required=False, unusable=unusable)


def fallback_message(standing: Standing, held: HeldDistrict | None, day: date, language: Language) -> dict[str, str] | None:
    """What other systems are told of a district that is back on its fixed route, or planned again; the key is the same for as long as it
    is the same news. None when there is no news, also in shadow mode."""
    told = {"district": standing.district, "plan_date": day.isoformat()}
    if held is not None and held.since is not None:
        key = f"district_fallback/{standing.district}/{held.since.isoformat()}"
        return {"kind": "district_fallback", "key": key, **told, "sentence": held_sentence(held, language)}
    if held is None and standing.since is not None:
        key = f"district_planned_again/{standing.district}/{standing.since.isoformat()}"
        return {"kind": "district_planned_again", "key": key, **told, "sentence": planned_again_sentence(standing, day, language)}
    return None


def _held(standing: Standing, day: date, settings: PlanSettings) -> HeldDistrict | None:
    if standing.shadow:
        return HeldDistrict(district=standing.district, by=HeldBy.SHADOW, standing=standing)
    if not standing.district:
        return None
    if standing.since is None or standing.cause is None:
        crossed = next((cause for cause in (HeldBy.DATA, HeldBy.OVERFLOW) if _crossed(standing, cause, settings)), None)
        return None if crossed is None else _fallen_back(standing, crossed, day, settings)
    again_from = standing.since + timedelta(days=settings.plan_fallback_least_days)
    # What brought it here decides when it goes back, and nothing else may be over its limit by then.
    good = all(_is_good(standing, cause, settings) for cause in (HeldBy.DATA, HeldBy.OVERFLOW))
    return None if day >= again_from and good else _fallen_back(standing, standing.cause, standing.since, settings)


def _crossed(standing: Standing, cause: HeldBy, settings: PlanSettings) -> bool:
    if cause is HeldBy.DATA:
        return standing.share_without_data > settings.plan_fallback_data_share
    limit = _overflow_limit(standing, settings.plan_fallback_overflow_factor, settings)
    return limit is not None and standing.overflow_by_plan_h is not None and standing.overflow_by_plan_h > limit


def _is_good(standing: Standing, cause: HeldBy, settings: PlanSettings) -> bool:
    if cause is HeldBy.DATA:
        return standing.share_without_data <= settings.plan_fallback_data_back_share
    limit = _overflow_limit(standing, settings.plan_fallback_overflow_back_factor, settings)
    return limit is None or standing.overflow_lately_h is None or standing.overflow_lately_h <= limit


def _overflow_limit(standing: Standing, factor: float, settings: PlanSettings) -> float | None:
    """Container-hours per container and day; None without a baseline."""
    if standing.overflow_baseline_h is None:
        return None
    return standing.overflow_baseline_h * factor + settings.plan_fallback_overflow_margin_h


def _fallen_back(standing: Standing, cause: HeldBy, since: date, settings: PlanSettings) -> HeldDistrict:
    by_data = cause is HeldBy.DATA
    overflow = _overflow_limit(standing, settings.plan_fallback_overflow_factor, settings)
    back = _overflow_limit(standing, settings.plan_fallback_overflow_back_factor, settings)
    return HeldDistrict(
        district=standing.district,
        by=cause,
        since=since,
        standing=standing,
        limit=settings.plan_fallback_data_share if by_data else overflow,
        back_at=settings.plan_fallback_data_back_share if by_data else back,
        planned_again_from=since + timedelta(days=settings.plan_fallback_least_days),
    )
