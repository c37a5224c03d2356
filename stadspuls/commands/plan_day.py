"""A planner's day on the command line: `stadspuls plan release | driven | close | status | pin | forbid | swap | happened`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stadspuls.commands.plan_opening import Day, day_meant, opened, run

if TYPE_CHECKING:
    from datetime import date

    import asyncpg

    from models.domain.plan_day import StateChange, Wish
    from processors.plan.city_planner import Planner

Role = Annotated[str, typer.Option("--role", help="Role that is stored with the step: never a name")]
Save = Annotated[bool, typer.Option("--save", help="Save it; without it only the price is shown")]


def add_to(group: typer.Typer) -> None:
    for verb in (release, driven, close, status, pin, forbid, swap, happened):
        group.command(verb.__name__)(verb)


def release(
    day: Day = "",
    role: Role = "planner",
    late: Annotated[bool, typer.Option("--late", help="Take the fixed schedule back that is handed out already")] = False,
) -> None:
    """Release a day's plans: crews get them. After the hour to release the fixed schedule is handed out, and --late is needed.

    Example: stadspuls plan release --date 2026-11-23
    """

    async def step(connection: asyncpg.Connection, plan_date: date, planner: Planner) -> StateChange:
        from models.domain.plan_day import moment_of
        from storage.plan_days import release_day

        limit = moment_of(plan_date, planner.settings.plan_release_by, planner.zone)
        shadow = planner.settings.plan_shadow
        return await release_day(
            connection, plan_date, role=role, now=planner.clock.now(), release_by=limit, late=late, shadow=shadow
        )

    _stepped(day, step)


def driven(day: Day = "", role: Role = "planner") -> None:
    """Note that the trucks are back. Example: stadspuls plan driven --date 2026-11-23"""

    async def step(connection: asyncpg.Connection, plan_date: date, planner: Planner) -> StateChange:
        from models.domain.plan_day import DayState, StateChange
        from storage.plan_days import append_state

        change = StateChange(plan_date=plan_date, state=DayState.DRIVEN, role=role, at=planner.clock.now())
        await append_state(connection, change)
        return change

    _stepped(day, step)


def close(day: Day = "", role: Role = "planner") -> None:
    """Close a driven day with what the crews said. Example: stadspuls plan close --date 2026-11-23"""

    async def step(connection: asyncpg.Connection, plan_date: date, planner: Planner) -> StateChange:
        from models.domain.plan_day import moment_of
        from storage.plan_days import close_day

        limit = moment_of(plan_date, planner.settings.plan_release_by, planner.zone)
        shadow = planner.settings.plan_shadow
        return await close_day(connection, plan_date, role=role, now=planner.clock.now(), release_by=limit, shadow=shadow)

    _stepped(day, step)


def status(day: Day = "") -> None:
    """How far a day is, and what is handed out. Example: stadspuls plan status --date 2026-11-23"""

    async def shown() -> None:
        from models.domain.held_words import held_sentence
        from models.domain.plan_day import handout, moment_of
        from storage.plan_days import events_of, state_changes, wishes_of
        from storage.plans import plans_of

        async with opened() as (connection, planner):
            plan_date = day_meant(day)
            changes = await state_changes(connection, plan_date)
            limit = moment_of(plan_date, planner.settings.plan_release_by, planner.zone)
            settings = planner.settings
            shadow, language = settings.plan_shadow, settings.plan_language
            print(handout(changes, planner.clock.now(), limit, plan_date, shadow=shadow, language=language).sentence)
            for change in changes:
                print(_line(change, planner))
            for held in {item.district: item for plan in await plans_of(connection, plan_date) for item in plan.held}.values():
                print(held_sentence(held, planner.settings.plan_language))
            for event in await events_of(connection, plan_date):
                print(f"{event.at.astimezone(planner.zone):%H:%M}  {event.kind.value} {event.subject} {event.note}".rstrip())
            for wish in await wishes_of(connection, plan_date):
                print(
                    f"{wish.kind.value} {wish.container_id} {wish.truck_id or ''} ({wish.price_m / 1000:+.1f} km, € {wish.price_cost:+.2f})"
                )

    run(shown())


def pin(
    container: Annotated[str, typer.Argument(help="Container that is to be collected")],
    day: Day = "",
    truck: Annotated[str, typer.Option("--truck", help="By this truck; else by the cheapest")] = "",
    save: Save = False,
    role: Role = "planner",
) -> None:
    """Ask for a container, and see what that costs before saving. Example: stadspuls plan pin C-0012 --truck T-2 --save"""
    _wished(day, [("pin", container, truck or None)], save, role)


def forbid(
    container: Annotated[str, typer.Argument(help="Container that is to be left out")],
    day: Day = "",
    save: Save = False,
    role: Role = "planner",
) -> None:
    """Leave a container out, and see what that saves and risks before saving. Example: stadspuls plan forbid C-0012"""
    _wished(day, [("forbid", container, None)], save, role)


def swap(
    out: Annotated[str, typer.Argument(help="Container on the plan that is to be left out")],
    instead: Annotated[str, typer.Argument(help="Container that is to be collected instead")],
    day: Day = "",
    save: Save = False,
    role: Role = "planner",
) -> None:
    """Collect one container instead of another, at one price. Example: stadspuls plan swap C-0012 C-0034 --save"""
    _wished(day, [("forbid", out, None), ("pin", instead, None)], save, role)


def happened(
    kind: Annotated[str, typer.Argument(help="truck_out, road_blocked or urgent")],
    subject: Annotated[str, typer.Argument(help="The truck, the street or bridge, or the container")],
    day: Day = "",
    note: Annotated[str, typer.Option("--note", help="What happened, for the page and the reasons")] = "",
    role: Role = "planner",
) -> None:
    """Plan the rest of a day anew after something happened; what is driven stays. Crews get it once it is released again.

    Examples: stadspuls plan happened truck_out T-2 --note "gearbox"; stadspuls plan happened road_blocked bridge-07
    """

    async def shown() -> None:
        from models.domain.failures import UserError
        from models.domain.plan_day import DayEvent, DayEventKind
        from storage.plan_days import append_event

        if kind not in tuple(DayEventKind):
            raise UserError(f"{kind!r} is nothing that can happen; it is one of {', '.join(DayEventKind)}")
        async with opened() as (connection, planner):
            event = DayEvent(
                plan_date=day_meant(day), kind=DayEventKind(kind), subject=subject, role=role, at=planner.clock.now(), note=note
            )
            await append_event(connection, event)
            renewed = await planner.replan(event)
        for plan in renewed:
            print(f"{plan.fraction}, revision {plan.revision}: {plan.verdict}")
        print("Release it again to hand it out: stadspuls plan release")

    run(shown())


def _wished(day: str, asked: list[tuple[str, str, str | None]], save: bool, role: str) -> None:
    async def shown() -> None:
        from models.domain.plan_day import Wish, WishKind

        async with opened() as (_, planner):
            plan_date = day_meant(day)
            wishes: list[Wish] = [
                Wish(plan_date=plan_date, kind=WishKind(kind), container_id=name, truck_id=truck, role=role, at=planner.clock.now())
                for kind, name, truck in asked
            ]
            found = await planner.wish(plan_date, wishes, save=save)
        print(found.sentence)
        if found.revision is None:
            print("Nothing is saved; add --save to do it.")
        else:
            print(f"Saved: revision {found.revision}.")

    run(shown())


def _stepped(day: str, step: Any) -> None:
    async def shown() -> None:
        async with opened() as (connection, planner):
            print(_line(await step(connection, day_meant(day), planner), planner))

    run(shown())


def _line(change: StateChange, planner: Planner) -> str:
    revisions = ", ".join(f"{name.removeprefix('*/')} {number}" for name, number in change.revisions.items())
    parts = [f"{change.at.astimezone(planner.zone):%Y-%m-%d %H:%M}  {change.state.value} by {change.role}", revisions, change.note]
    return "  ".join(part for part in parts if part)
