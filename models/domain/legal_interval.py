"""How long a container may by law wait for its collection, and how long it has waited."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from models.domain.registry import DomainType


class KnownFrom(StrEnum):
    """What says when a container was last collected."""

    EMPTYING = "emptying"
    """Its level fell."""
    CREW = "crew"
    """A crew said so."""
    READ = "read"
    """Nothing was seen since its sensor was put there: counted from that day."""
    SCHEDULE = "schedule"
    """No sensor and no crew says: counted from the last day on which the fixed schedule collects it."""
    SHADOW = "shadow"
    """In shadow mode: the shadow plan that would have collected it."""
    NOTHING = "nothing"
    """Nobody knows: counted as due."""


class LastCollection(DomainType):
    """The local day from which a container's legal interval is counted."""

    container_id: str
    on: date
    known_from: KnownFrom


class LegalInterval(DomainType):
    """At most `max_days` between collections by law. `on` and `days_since` are None where no collection is known; `due` when the interval
    ends before the next chance after the planned day."""

    max_days: int
    on: date | None = None
    days_since: int | None = None
    known_from: KnownFrom = KnownFrom.NOTHING
    due: bool
