"""What limits of collections contradict in the registry as a whole: windows and shifts, streets and trucks, sites and fractions. Pure.

`limit_mistakes` are what no plan could keep: such files are refused. `limit_notes` are what the city's own fixed schedule does not keep: that
is how it is driven today, so it is imported, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from models.domain.number_words import clock
from models.domain.registry import DisposalSite, FixedCollection, Thing, Truck, Window
from storage.registry_content import Mistake, Place, RegistryContent
from storage.registry_times import window_text

DAY_S = 86_400


def limit_mistakes(content: RegistryContent) -> Iterator[Mistake]:
    """One sentence per contradiction, with the file and line of what was read."""
    trucks: list[Truck] = list(content.each("trucks"))
    yield from _sites(content, trucks)
    yield from _depots(content, trucks)
    limited = [thing for thing in content.each("things") if _is_limited(thing)]
    yield from _unmeasured(content, limited, trucks)
    for thing in limited:
        able = [truck for truck in trucks if thing.fraction in truck.fractions]
        if not able:
            continue  # as for every container whose fraction no truck takes yet
        reason = _why_none(thing, able)
        if reason is not None:
            yield Mistake(_place(content, thing, able), f"container {thing.thing_id}: {reason}")


def limit_notes(content: RegistryContent) -> list[str]:
    """What the fixed schedule does against limits, by container."""
    things, trucks = content.things(), {truck.truck_id: truck for truck in content.each("trucks")}
    notes = []
    for line in content.each("fixed_collections"):
        thing, truck = things.get(line.container_id), trucks.get(line.truck_id)
        if thing is None or truck is None:
            continue
        notes += [f"fixed schedule of {thing.thing_id}: {reason}" for reason in _against_limits(thing, truck, line)]
    return notes


def why_too_large(thing: Thing, truck: Truck) -> str | None:
    """Why a container's street does not take a truck; None where it does, or where nothing is known of the truck."""
    if _over(truck.width_mm, thing.max_truck_width_mm):
        return f"truck {truck.truck_id} is {truck.width_mm} mm wide, its street takes {thing.max_truck_width_mm} mm"
    if _over(truck.gross_weight_kg, thing.max_truck_weight_kg):
        return f"truck {truck.truck_id} weighs {truck.gross_weight_kg} kg, its street takes {thing.max_truck_weight_kg} kg"
    return None


def _over(found: int | None, limit: int | None) -> bool:
    return found is not None and limit is not None and found > limit


def _is_limited(thing: Thing) -> bool:
    limits = (thing.windows, thing.max_truck_width_mm, thing.max_truck_weight_kg)
    return thing.decommissioned_at is None and any(limit is not None for limit in limits)


def _why_none(thing: Thing, trucks: Sequence[Truck]) -> str | None:
    """Why none of the trucks of its fraction may come; None when one may."""
    reasons = {truck.truck_id: why_too_large(thing, truck) for truck in trucks}
    allowed = [truck for truck in trucks if reasons[truck.truck_id] is None]
    if not allowed:
        first = next(reason for reason in reasons.values() if reason)
        return f"no truck for {thing.fraction} may go there ({first}); register a smaller one, or mend the limit"
    if thing.windows is not None and not any(_meet(thing.windows, truck) for truck in allowed):
        shifts = ", ".join(sorted({f"{clock(truck.shift_start_s)}-{clock(truck.shift_end_s)}" for truck in allowed}))
        return f"windows {window_text(thing.windows)} lie outside the shift of every truck that may come ({shifts}); mend the windows or a shift"
    return None


def _meet(windows: Sequence[Window], truck: Truck) -> bool:
    """Whether a window is open at some time of the shift, which may reach into the next day."""
    again = [(opens + DAY_S, closes + DAY_S) for opens, closes in windows]
    return any(opens < truck.shift_end_s and closes > truck.shift_start_s for opens, closes in (*windows, *again))


def _place(content: RegistryContent, thing: Thing, trucks: Sequence[Truck]) -> Place | None:
    places = (content.place_of(item) for item in (thing, *trucks))
    return next((place for place in places if place is not None), None)


def _unmeasured(content: RegistryContent, limited: Sequence[Thing], trucks: Sequence[Truck]) -> Iterator[Mistake]:
    """Trucks that would be sent into a street of limited width or weight without anybody knowing theirs."""
    for column, limit in (("width_mm", "max_truck_width_mm"), ("gross_weight_kg", "max_truck_weight_kg")):
        narrow = [thing for thing in limited if getattr(thing, limit) is not None]
        for truck in trucks:
            thing = next((thing for thing in narrow if thing.fraction in truck.fractions), None)
            if thing is not None and getattr(truck, column) is None:
                yield Mistake(
                    content.place_of(truck) or content.place_of(thing),
                    f"truck {truck.truck_id} takes {thing.fraction} and has no {column}, but container {thing.thing_id} has "
                    f"{limit} {getattr(thing, limit)}: give the truck its {column}",
                )


def _sites(content: RegistryContent, trucks: Sequence[Truck]) -> Iterator[Mistake]:
    """Disposal sites that trucks name are there, and take what the truck carries."""
    sites: Mapping[str, DisposalSite] = {site.disposal_site_id: site for site in content.each("disposal_sites")}
    for truck in trucks:
        own = truck.disposal_sites
        if own is None:
            continue
        unknown = [name for name in own if name not in sites]
        if unknown:
            yield Mistake(content.place_of(truck), f"truck {truck.truck_id}: disposal site {unknown[0]} is not registered")
            continue
        for fraction in truck.fractions:
            if not any(fraction in sites[name].fractions for name in own):
                yield Mistake(
                    content.place_of(truck) or next((p for n in own if (p := content.place_of(sites[n])) is not None), None),
                    f"truck {truck.truck_id} takes {fraction}, but none of its disposal_sites ({', '.join(own)}) does: name another site, or "
                    f"leave {fraction} out",
                )


def _depots(content: RegistryContent, trucks: Sequence[Truck]) -> Iterator[Mistake]:
    """A truck's depot is open at some time of its shift."""
    depots = {depot.depot_id: depot for depot in content.each("depots")}
    for truck in trucks:
        depot = depots.get(truck.depot_id)
        if depot is None:
            continue
        opens, closes = depot.opens_s or 0, 2 * DAY_S if depot.closes_s is None else depot.closes_s
        if opens >= truck.shift_end_s or closes <= truck.shift_start_s:
            yield Mistake(
                content.place_of(truck) or content.place_of(depot),
                f"truck {truck.truck_id}: its depot {depot.depot_id} is closed during the whole shift from {clock(truck.shift_start_s)} to "
                f"{clock(truck.shift_end_s)}",
            )


def _against_limits(thing: Thing, truck: Truck, line: FixedCollection) -> Iterator[str]:
    large = why_too_large(thing, truck)
    if large is not None:
        yield large
    if thing.windows is not None and not _meet(thing.windows, truck):
        yield f"windows {window_text(thing.windows)} lie outside the shift of truck {truck.truck_id}"
    if thing.max_interval_days is not None and (longest := _longest_gap_days(line)) > thing.max_interval_days:
        yield f"up to {longest} days between its collections, by law at most {thing.max_interval_days}"


def _longest_gap_days(line: FixedCollection) -> int:
    """Days between collections by the fixed schedule, at most."""
    days = sorted(line.weekdays)
    return max([later - earlier for earlier, later in pairwise(days)] + [days[0] + 7 * line.every_weeks - days[-1]])
