"""Which containers the law sends a truck to on a day: those whose longest interval between collections ends before the next chance. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from models.domain.legal_interval import KnownFrom, LastCollection, LegalInterval
from models.domain.registry import FixedCollection, Thing
from processors.plan.calendar import LONGEST_SEARCH_DAYS, Chances, is_due


def legal_interval(container: Thing, last: LastCollection | None, when: Chances) -> LegalInterval | None:
    """How a container's interval stands on the planned day; None where the law says nothing of it."""
    if container.max_interval_days is None:
        return None
    if last is None:
        return LegalInterval(max_days=container.max_interval_days, due=True)
    return LegalInterval(
        max_days=container.max_interval_days,
        on=last.on,
        days_since=max(0, (when.plan_date - last.on).days),
        known_from=last.known_from,
        due=_ends_before(container.max_interval_days, last.on, when.next_date),
    )


def legal_due_day(legal: LegalInterval, ahead: Sequence[Chances]) -> int | None:
    """The number of the last collection day on which a container can wait no longer; None beyond the horizon."""
    if legal.on is None:
        return 0
    return next((number for number, when in enumerate(ahead) if _ends_before(legal.max_days, legal.on, when.next_date)), None)


def with_schedule(
    known: Mapping[str, LastCollection], containers: Sequence[Thing], lines: Sequence[FixedCollection], day: date
) -> dict[str, LastCollection]:
    """Also for containers with a legal interval of which nothing is known: the last day before `day` on which the fixed schedule, which
    they follow, collects them."""
    line_of = {line.container_id: line for line in lines}
    found = dict(known)
    for container in containers:
        line = line_of.get(container.thing_id)
        if container.max_interval_days is None or container.thing_id in known or line is None:
            continue
        last = _last_due(line, day)
        if last is not None:
            found[container.thing_id] = LastCollection(container_id=container.thing_id, on=last, known_from=KnownFrom.SCHEDULE)
    return found


def _ends_before(max_days: int, on: date, chance: date) -> bool:
    return (chance - on).days > max_days


def _last_due(line: FixedCollection, day: date) -> date | None:
    days = (day - timedelta(days=ago) for ago in range(1, LONGEST_SEARCH_DAYS))
    return next((found for found in days if is_due(line, found)), None)
