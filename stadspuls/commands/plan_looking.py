"""Looking at plans on the command line: `stadspuls plan why | reproduce | tour | shadow`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stadspuls.commands.plan_opening import Day, Language, day_meant, in_language, opened, run

if TYPE_CHECKING:
    from datetime import date

    from api.handed_out import HandedTour


def add_to(group: typer.Typer) -> None:
    for verb in (why, reproduce, tour, shadow):
        group.command(verb.__name__)(verb)


def why(
    container: Annotated[str, typer.Argument(help="Container")],
    day: Day = "",
    language: Language = "",
) -> None:
    """Why a container is on the plan of a day or off it, with the figures. Example: stadspuls plan why C-0012 --language nl"""

    async def shown() -> None:
        import orjson

        from models.domain.failures import UserError
        from storage.plans import plans_of

        async with opened() as (connection, _):
            plan_date = day_meant(day)
            plans = in_language(await plans_of(connection, plan_date), language)
        for plan in plans:
            for decision in plan.decisions:
                if decision.container_id == container:
                    print(f"{decision.container_id} on {plan_date}, {plan.fraction} revision {plan.revision}: {decision.reason}")
                    figures = decision.model_dump(mode="json", exclude={"reason", "container_id"})
                    print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
                    return
        raise UserError(f"no plan of {plan_date.isoformat()} decides on {container}")

    run(shown())


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
            plan_date = day_meant(day)
            given, tours = await handed_out(connection, plan_date, planner.clock.now(), planner.settings, planner.zone)
        found = next((item for item in tours if item.truck_id == truck), None)
        if found is None:
            having = ", ".join(item.truck_id for item in tours) or "no truck"
            raise UserError(f"{truck} has no tour on {plan_date.isoformat()}; these have: {having}. {given.sentence}")
        output.write_bytes(makers[output.suffix](found))
        print(f"{given.sentence} Wrote {output}: {len(found.stops)} stops.")

    run(written())


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

    run(shown())


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
