"""What `solve` returns and a PLAN.json holds: routes with visits in order, their times and loads, and what was left out."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from models.domain.plan import VisitKind
from models.domain.registry import DomainType


class PlannedVisit(DomainType):
    """One halt. A truck arrives, may wait, starts at `start_s` and leaves at `departure_s`; `load_l` is on board then.

    `node` is the problem's own id of the depot, stop or disposal site; for a break the place where the truck stands.
    """

    node: str
    kind: VisitKind
    arrival_s: Annotated[int, Field(ge=0)]
    start_s: Annotated[int, Field(ge=0)]
    departure_s: Annotated[int, Field(ge=0)]
    load_l: Annotated[int, Field(ge=0)]


class PlannedRoute(DomainType):
    """One truck's day, from depot to depot."""

    truck_id: str
    visits: tuple[PlannedVisit, ...]
    distance_m: Annotated[int, Field(ge=0)]
    duration_s: Annotated[int, Field(ge=0)]

    @property
    def stops(self) -> list[str]:
        """Nodes of the collection stops in order."""
        return [visit.node for visit in self.visits if visit.kind is VisitKind.STOP]


class Solution(DomainType):
    """Routes and the nodes of stops that no route serves. `cost` is what driving costs, `missed_prize` the prizes of the
    unserved; the search minimised their sum. `parts` are the iterations of each search in turn; with the seed they make it again.
    `first_feasible_s` is how long it took until the search held a plan of all required stops, on its clock without breaks."""

    routes: tuple[PlannedRoute, ...]
    unserved: tuple[str, ...]
    distance_m: int
    duration_s: int
    cost: float
    missed_prize: float
    seed: int
    iterations: int
    source: str
    parts: tuple[int, ...] = ()
    first_feasible_s: float | None = None

    @property
    def decided(self) -> Solution:
        """The solution without what the clock said: the same iterations and seed give it again."""
        return self.model_copy(update={"first_feasible_s": None})

    @property
    def objective(self) -> float:
        return self.cost + self.missed_prize

    def to_json(self) -> dict[str, Any]:
        """The content of a PLAN.json."""
        return self.model_dump(mode="json")
