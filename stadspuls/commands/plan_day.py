"""A planner's day on the command line: `stadspuls plan release | driven | close | status | pin | forbid | swap | happened | why | reproduce |
tour | shadow`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datetime import date

    import asyncpg

    from api.handed_out import HandedTour
    from models.domain.plan_day import StateChange, Wish
    from processors.plan.service import Planner
    from runtime.clock import Clock

Day = Annotated[
    str, typer.Option("--date", help="The day, like 2026-11-23; when left out, today before noon and the coming one after")
]
Role = Annotated[str, typer.Option("--role", help="Role that is stored with the step: never a name")]
Save = Annotated[bool, typer.Option("--save", help="Save it; without it only the price is shown")]
Language = Annotated[str, typer.Option("--language", help="en or nl; the city's when left out")]


def add_to(group: typer.Typer) -> None:
    for verb in (release, driven, close, status, pin, forbid, swap, why, reproduce, tour, happened, shadow):
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
            plan_date = _given(day)
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

    _run(shown())


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
                plan_date=_given(day), kind=DayEventKind(kind), subject=subject, role=role, at=planner.clock.now(), note=note
            )
            await append_event(connection, event)
            renewed = await planner.replan(event)
        for plan in renewed:
            print(f"{plan.fraction}, revision {plan.revision}: {plan.verdict}")
        print("Release it again to hand it out: stadspuls plan release")

    _run(shown())


def why(
    container: Annotated[str, typer.Argument(help="Container")],
    day: Day = "",
    language: Language = "",
) -> None:
    """Why a container is on the plan of a day or off it, with the figures. Example: stadspuls plan why C-0012 --language nl"""

    async def shown() -> None:
        import orjson

        from models.domain.failures import UserError
        from stadspuls.commands.plan import in_language
        from storage.plans import plans_of

        async with opened() as (connection, _):
            plan_date = _given(day)
            plans = in_language(await plans_of(connection, plan_date), language)
        for plan in plans:
            for decision in plan.decisions:
                if decision.container_id == container:
                    print(f"{decision.container_id} on {plan_date}, {plan.fraction} revision {plan.revision}: {decision.reason}")
                    figures = decision.model_dump(mode="json", exclude={"reason", "container_id"})
                    print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
                    return
        raise UserError(f"no plan of {plan_date.isoformat()} decides on {container}")

    _run(shown())


def reproduce(
    decision: Annotated[
        str, typer.Argument(help="DATE/FRACTION, DATE/FRACTION/REVISION, or with /CONTAINER at the end", metavar="DECISION")
    ],
    shadow_plan: Annotated[bool, typer.Option("--shadow", help="The shadow plan of that day")] = False,
) -> None:
    """Make a stored plan again from its stored inputs and compare every decision, byte for byte. Status 1 when one differs; under
    another lock file it says "not reproducible here".

    Examples: stadspuls plan reproduce 2026-11-23/glass; stadspuls plan reproduce 2026-11-23/glass/2/C-0012
    """
    import asyncio

    from models.domain.plan import SHADOW, WHOLE_CITY

    same = asyncio.run(_reproduced(decision, SHADOW if shadow_plan else WHOLE_CITY))
    if not same:
        raise typer.Exit(1)


def tour(
    truck: Annotated[str, typer.Argument(help="Truck")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; its ending says what: .gpx, .geojson, .csv or .html")
    ],
    day: Day = "",
) -> None:
    """Write a truck's tour as it is handed out: GPX 1.1, GeoJSON, CSV, or the sheet to print with the code that opens it on a phone.

    Examples: stadspuls plan tour T-2 --output T-2.gpx; stadspuls plan tour T-2 --date 2026-11-23 --output T-2.html
    """

    async def written() -> None:
        from api import tour_files
        from api.handed_out import handed_out
        from models.domain.failures import UserError

        makers: dict[str, Callable[[HandedTour], bytes]] = {
            ".gpx": tour_files.gpx,
            ".geojson": tour_files.geojson,
            ".csv": tour_files.as_csv,
            ".html": _sheet,
        }
        if output.suffix not in makers:
            raise UserError(f"{output.name}: the ending must be one of {', '.join(makers)}")
        async with opened() as (connection, planner):
            plan_date = _given(day)
            given, tours = await handed_out(connection, plan_date, planner.clock.now(), planner.settings, planner.zone)
        found = next((item for item in tours if item.truck_id == truck), None)
        if found is None:
            having = ", ".join(item.truck_id for item in tours) or "no truck"
            raise UserError(f"{truck} has no tour on {plan_date.isoformat()}; these have: {having}. {given.sentence}")
        output.write_bytes(makers[output.suffix](found))
        print(f"{given.sentence} Wrote {output}: {len(found.stops)} stops.")

    _run(written())


def shadow(
    days: Annotated[int, typer.Option("--days", min=1, max=730, help="The last so many days")] = 28,
    score: Annotated[bool, typer.Option("--score", help="Score these days anew first, from the readings that are stored")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparisons as JSON")] = False,
) -> None:
    """Shadow mode: what the plans that nobody drove would have come to, beside the fixed routes, per district and with intervals.

    Example: stadspuls plan shadow --days 28
    """

    async def shown() -> None:
        from datetime import timedelta

        import orjson

        from models.domain.shadow_report import compared
        from stadspuls.shadow_view import as_text
        from storage.shadow import district_days

        async with opened() as (connection, planner):
            today = planner.clock.now().astimezone(planner.zone).date()
            first = today - timedelta(days=days)
            if score:
                await planner.shadow.score([today - timedelta(days=ago) for ago in range(days, 0, -1)])
            found = compared(await district_days(connection, first, today - timedelta(days=1)))
        if as_json:
            print(orjson.dumps([item.model_dump(mode="json") for item in found], option=orjson.OPT_INDENT_2).decode())
        else:
            print(as_text(found, days))

    _run(shown())


def _sheet(tour: HandedTour) -> bytes:
    """The sheet with its style inside, so that the file prints anywhere."""
    from importlib.resources import files

    from api import tour_files
    from api.crew_links import crew_token
    from api.service import ApiSettings
    from models.domain.failures import UserError
    from runtime.settings import AccessSettings, CitySettings, PlanSettings, load

    access, api = load(AccessSettings, "operator"), load(ApiSettings, "operator")
    key = access.crew_link_key.get_secret_value()
    if not key:
        raise UserError("no link can be signed: run `stadspuls up`, which makes STADSPULS_CREW_LINK_KEY, or set it")
    address = access.api_public_address.rstrip("/") or f"http://{api.api_host}:{api.api_port}"
    link = f"{address}/crew/#{crew_token(key, tour.plan_date, tour.truck_id)}"
    style = f"<style>{files('api').joinpath('page/sheet.css').read_text(encoding='utf-8')}</style>"
    city, language = load(CitySettings, "operator").city_name, load(PlanSettings, "operator").plan_language
    return tour_files.sheet(tour, link, city, language, style).encode()


async def _reproduced(text: str, district: str) -> bool:
    from models.domain.failures import UserError
    from processors.plan.reproduction import decided, made_again
    from storage.plans import plan_inputs, plan_of

    plan_date, fraction, revision, container = _decision(text)
    async with opened() as (connection, _):
        plan = await plan_of(connection, plan_date, district, fraction, revision)
        if plan is None:
            raise UserError(f"there is no plan {text}")
        kept = await plan_inputs(connection, plan_date, district, fraction, plan.revision)
    again = made_again(kept).plan
    pairs = {item.container_id: (item, other) for item, other in zip(plan.decisions, again.decisions, strict=False)}
    if container is not None:
        if container not in pairs:
            raise UserError(f"{text}: the plan does not decide on {container}")
        print(pairs[container][1].reason)
    name = f"{plan_date.isoformat()} {fraction} revision {plan.revision}"
    if decided(plan) == decided(again):
        print(f"{name}: made again, all {len(plan.decisions)} decisions and {len(plan.routes)} tours the same, byte for byte")
        return True
    different = [key for key, (item, other) in pairs.items() if item != other]
    print(f"{name}: made again, and different: {len(different)} decisions ({', '.join(different[:5]) or 'only tours or verdict'})")
    return False


def _decision(text: str) -> tuple[date, str, int | None, str | None]:
    from datetime import date

    from models.domain.failures import UserError

    parts = text.split("/")
    wrong = UserError(f"{text!r} is no decision; write it like 2026-11-23/glass/2 or 2026-11-23/glass/2/C-0012")
    if not 2 <= len(parts) <= 4 or (len(parts) > 2 and not parts[2].isdigit()):
        raise wrong
    try:
        plan_date = date.fromisoformat(parts[0])
    except ValueError as error:
        raise wrong from error
    return plan_date, parts[1], int(parts[2]) if len(parts) > 2 else None, parts[3] if len(parts) > 3 else None


def _wished(day: str, asked: list[tuple[str, str, str | None]], save: bool, role: str) -> None:
    async def shown() -> None:
        from models.domain.plan_day import Wish, WishKind

        async with opened() as (_, planner):
            plan_date = _given(day)
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

    _run(shown())


def _stepped(day: str, step: Any) -> None:
    async def shown() -> None:
        async with opened() as (connection, planner):
            print(_line(await step(connection, _given(day), planner), planner))

    _run(shown())


def _line(change: StateChange, planner: Planner) -> str:
    revisions = ", ".join(f"{name.removeprefix('*/')} {number}" for name, number in change.revisions.items())
    parts = [f"{change.at.astimezone(planner.zone):%Y-%m-%d %H:%M}  {change.state.value} by {change.role}", revisions, change.note]
    return "  ".join(part for part in parts if part)


def _run(work: Any) -> None:
    import asyncio

    from runtime import logs

    logs.configure("plan", level="WARNING")
    asyncio.run(work)


def _given(day: str) -> date:
    """The day asked for, else the one that is worked on: before noon today, if trucks drive, later the coming collection day."""
    from processors.plan.calendar import collection_weekdays
    from runtime.settings import CitySettings, PlanSettings, load
    from stadspuls.commands.plan import given_day

    now = city_clock().now().astimezone(load(CitySettings, "operator").zone)
    drives = now.weekday() in collection_weekdays(load(PlanSettings, "operator").plan_weekdays)
    return now.date() if not day and now.hour < 12 and drives else given_day(day)


def city_clock() -> Clock:
    """The city's clock: a simulated city has one of its own."""
    from runtime.city_clock import CityClock
    from runtime.clock import SystemClock
    from runtime.settings import CitySettings, load

    file = load(CitySettings, "operator").city_clock_file
    return CityClock(file) if file else SystemClock()


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[asyncpg.Connection, Planner]]:
    """A connection and a planner, as the operator."""
    from processors.plan.service import Planner
    from runtime.postgres import open_pool
    from runtime.settings import CitySettings, DatabaseSettings, PlanSettings, load

    pool = await open_pool(load(DatabaseSettings, "operator"), application_name="stadspuls-plan")
    try:
        planner = Planner(pool, load(PlanSettings, "operator"), load(CitySettings, "operator"), city_clock())
        async with pool.acquire() as connection:
            yield connection, planner
    finally:
        await pool.close()
