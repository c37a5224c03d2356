"""What a planner's wishes cost on a stored plan, and the plan that comes of them. Pure; called by the service before saving and again
to save, with the same answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.domain import verdict
from models.domain.failures import UserError
from models.domain.plan import CollectionPlan
from models.domain.plan_day import Wish, WishKind
from processors.plan.changes import Price, driven, price, with_wishes
from processors.plan.planner import FractionDay, Ground, Planned, planned, searched, stopping_of
from processors.plan.remaking import stored_day
from processors.plan.tours import Tour, tours_json, tours_of
from processors.routing.roads import Roads
from processors.routing.solution import Solution


@dataclass(frozen=True, eq=False)
class Wished:
    """The plan after the wishes, their price, and how it was made. `revision` is None until it is saved."""

    planned: Planned
    price: Price
    made: dict[str, Any]
    revision: int | None = None

    @property
    def sentence(self) -> str:
        """The price in the plan's language."""
        return self.price.sentence(self.planned.ground.settings.plan_language)

    def to_json(self) -> dict[str, Any]:
        """What a planner is shown."""
        return {
            "distance_m": self.price.metres,
            "duration_s": self.price.seconds,
            "cost": self.price.cost,
            "expected_overflows": self.price.expected_overflows,
            "on": list(self.price.on),
            "off": list(self.price.off),
            "also": list(self.price.also),
            "sentence": self.sentence,
            "saved_as_revision": self.revision,
        }


def wished_plan(plan: CollectionPlan, kept: Mapping[str, Any], wishes: Sequence[Wish], roads: Roads | None = None) -> Wished:
    """The plan with the wishes put in, on the ground that it was made on: only what is asked for is different. Searches anew where
    they do not fit into the tours as they are. Raises `UserError` for what cannot be."""
    if kept.get("made", {}).get("how") == "replan":
        raise UserError(f"{plan.plan_date} is being driven: say what happened instead, such as that a container is urgent")
    stored = stored_day(kept)
    _sensible(wishes, {truck.truck_id for truck in stored.day.trucks}, plan)
    _refuse_against_the_law(stored.day, wishes)
    asked = {wish.container_id: wish for wish in (*stored.day.wishes, *wishes)}
    ground = stored.ground([asked[name] for name in sorted(asked)], drawn_on=roads)
    _refuse_barred(ground, wishes)
    before = driven(ground.problem, tours_of(plan))
    after = with_wishes(ground, tours_of(plan), wishes)
    if after is None:
        return _searched(ground, before, tours_of(plan), wishes)
    cost = price(ground, before, after, wishes)
    about = verdict.Wished(wishes=_asked(wishes), price=cost.figures)
    made = {
        "how": "wishes",
        "tours": tours_json(tours_of(plan)),
        "wishes": [wish.model_dump(mode="json") for wish in wishes],
        "about": about.model_dump(mode="json"),
        "kept_fixed": plan.kept_fixed,
    }
    return Wished(planned(ground, after, about, kept_fixed=plan.kept_fixed), cost, made)


def _searched(ground: Ground, before: Solution, tours: Sequence[Tour], wishes: Sequence[Wish]) -> Wished:
    """A new plan with the wishes in it, near to the one before, or the sentence on why they cannot be met."""
    stayed = searched(ground, stopping_of(ground.settings), tours)
    after = stayed.solution
    served = {node for route in after.routes for node in route.stops}
    unmet = [wish.container_id for wish in wishes if (wish.kind is WishKind.PIN) != (wish.container_id in served)]
    if unmet:
        raise UserError(f"no truck has room or time left for {', '.join(unmet)}: forbid another container, or add a truck")
    about = verdict.Wished(wishes=_asked(wishes))
    made = {"how": "search", "about": about.model_dump(mode="json"), "known": tours_json(tours)}
    return Wished(planned(ground, after, about, stayed=stayed.change), price(ground, before, after, wishes), made)


def _sensible(wishes: Sequence[Wish], trucks: set[str], plan: CollectionPlan) -> None:
    collected = {item.container_id for item in plan.decisions if item.collected}
    for wish in wishes:
        if wish.truck_id is not None and wish.truck_id not in trucks:
            names = ", ".join(sorted(trucks)) or "none"
            raise UserError(f"{wish.truck_id} does not collect {plan.fraction} on {plan.plan_date}; the trucks that do: {names}")
        if wish.kind is WishKind.FORBID and wish.container_id not in collected:
            raise UserError(f"{wish.container_id} is not on the plan of {plan.plan_date}: there is nothing to leave out")


def _refuse_against_the_law(day: FractionDay, wishes: Sequence[Wish]) -> None:
    """A container whose legal interval ends before the next chance cannot be left out."""
    legal = {judged.container.thing_id: judged.legal for judged in day.judgements}
    for wish in wishes:
        found = legal.get(wish.container_id)
        if wish.kind is WishKind.FORBID and found is not None and found.due:
            since = "no collection of it is known" if found.days_since is None else f"the last was {found.days_since} days ago"
            raise UserError(
                f"{wish.container_id} cannot be left out: by law it is collected every {found.max_days} days at least, {since}, and the next "
                f"chance is on {day.when.next_date}"
            )


def _refuse_barred(ground: Ground, wishes: Sequence[Wish]) -> None:
    """A container whose street does not take the truck that is asked for, or any truck of the day, cannot be pinned."""
    for wish in wishes:
        if wish.kind is not WishKind.PIN:
            continue
        stop = ground.problem.stop_by_node[wish.container_id].model_copy(update={"trucks": None})
        reasons = [stop.why_barred(truck) for truck in ground.problem.trucks if wish.truck_id in (None, truck.truck_id)]
        first = next((reason for reason in reasons if reason is not None), None)
        if first is not None and None not in reasons:
            raise UserError(f"{wish.container_id} cannot be collected: {first}")


def _asked(wishes: Sequence[Wish]) -> tuple[verdict.AskedOf, ...]:
    return tuple(verdict.AskedOf(kind=wish.kind, container_id=wish.container_id, truck_id=wish.truck_id) for wish in wishes)
