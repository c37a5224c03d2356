"""`stadspuls plan`, and the verbs of problem files: `solve`, `check`, `import-wcvrptw`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stadspuls import COMMAND_STARTED
from stadspuls.commands import plan_day, plan_looking
from stadspuls.commands.plan_opening import city_clock, given_day, in_language

if TYPE_CHECKING:
    from datetime import date

    from models.domain.plan import CollectionPlan
    from processors.plan.disruption import Disruption


def add_verbs(app: typer.Typer) -> None:
    group = typer.Typer(invoke_without_command=True, help="Collection plans: make, look at, release, change, hand out, close.")
    group.callback()(plan)
    plan_day.add_to(group)
    plan_looking.add_to(group)
    app.add_typer(group, name="plan")
    app.command("solve")(solve)
    app.command("check")(check)
    app.command("import-wcvrptw")(import_wcvrptw)


def plan(
    context: typer.Context,
    day: Annotated[str, typer.Option("--date", help="Day to plan, like 2026-11-23; the coming collection day when left out")] = "",
    fraction: Annotated[
        str, typer.Option("--fraction", "--fractions", help="One fraction, or several with commas; all when left out")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the plans as JSON")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Make new plans even where the day has some")] = False,
    reasons: Annotated[int, typer.Option("--reasons", help="Reasons to print per plan; 0 prints none, -1 all")] = 5,
    language: Annotated[
        str, typer.Option("--language", help="Language of verdicts and reasons, en or nl; the city's when left out")
    ] = "",
    trucks: Annotated[int, typer.Option("--trucks", min=0, help="Disrupted day: so many trucks are left; makes new plans")] = 0,
    district_by_district: Annotated[
        bool, typer.Option("--district-by-district", help="Disrupted day: the district with most expected overflow first")
    ] = False,
    because: Annotated[str, typer.Option("--because", help="What disrupts the day, such as snow or a strike")] = "a disruption",
) -> None:
    """The collection plans of a day: trucks, stops and km against the fixed schedule, and a reason per container.

    Shows the newest plans that are stored, and makes those that are missing. Examples: stadspuls plan; stadspuls plan --date
    2026-11-23 --fraction glass --reasons -1; stadspuls plan --refresh --json. With --trucks the day is disrupted: what is left goes
    where most is expected to overflow, and the day is left out of learning: stadspuls plan --date 2026-11-23 --trucks 2 --fractions
    residual,paper --district-by-district --because snow
    """
    if context.invoked_subcommand is not None:
        return
    import asyncio

    from runtime import logs

    logs.configure("plan", level="WARNING")
    wanted = given_day(day)
    fractions = [name.strip() for name in fraction.split(",") if name.strip()]
    found = asyncio.run(_plans(wanted, fractions, refresh, _disruption(trucks, fractions, district_by_district, because)))
    found = in_language(found, language)
    if as_json:
        import orjson

        print(orjson.dumps([item.model_dump(mode="json") for item in found], option=orjson.OPT_INDENT_2).decode())
        return
    from stadspuls.plan_view import as_text

    print(as_text(found, reasons))


def solve(
    problem: Annotated[Path, typer.Argument(help="PROBLEM.json", metavar="PROBLEM.json")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where PLAN.json goes")],
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, help="The whole command takes no longer; 30 when nothing is said")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option("--iterations", min=1, help="Search so many iterations: repeats exactly")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the search")] = 1,
    near: Annotated[Path | None, typer.Option("--near", help="A PLAN.json of another day to stay near to")] = None,
) -> None:
    """Solve a collection problem and write its plan, after the independent check. Where there is no plan, up to 15 seconds more go
    into trying what would help.

    Example: stadspuls solve problem.json --seconds 60 --near yesterday.json --output plan.json
    """
    from models.domain.failures import UserError
    from processors.routing.advice import advice
    from processors.routing.check import check as failures_of
    from processors.routing.problem_file import problem_from_json, read_json, routes_from_json, write_json
    from processors.routing.solve import Infeasible, Stopping
    from processors.routing.solve import solve as search
    from processors.routing.staying import solve_near

    given = problem_from_json(read_json(problem))
    if seconds is None and iterations is None:
        seconds = 30.0
    stopping = Stopping(iterations, None if seconds is None else _for_the_search(seconds))
    try:
        stayed = None if near is None else solve_near(given, routes_from_json(read_json(near)), stopping, seed)
        solution = search(given, stopping, seed) if stayed is None else stayed.solution
    except Infeasible as error:
        raise UserError("; ".join([str(error), *advice(given, seed)])) from error
    write_json(output, solution.to_json())
    stops = sum(len(route.stops) for route in solution.routes)
    print(
        f"{len(solution.routes)} trucks, {stops} stops, {solution.distance_m / 1000:.1f} km ({solution.distance_m / 1609.344:.1f} mi)"
    )
    first = "" if solution.first_feasible_s is None else f", the first plan after {solution.first_feasible_s:.1f} s"
    print(
        f"{len(solution.unserved)} stops not served; {solution.iterations} iterations with seed {seed}{first}; written to {output}"
    )
    if stayed is not None and stayed.change is not None:
        kept = stayed.change
        print(
            f"{kept.trucks_kept:.0%} of the stops stay with their truck, {kept.arcs_kept:.0%} of what is still asked for in its order"
        )
    _say_failures([str(failure) for failure in failures_of(given, solution.to_json())])


def check(
    problem: Annotated[Path, typer.Argument(help="PROBLEM.json", metavar="PROBLEM.json")],
    plan: Annotated[Path, typer.Argument(help="PLAN.json", metavar="PLAN.json")],
) -> None:
    """Check a plan against its problem, by code that shares nothing with the search. Status 1 when a rule is broken.

    Example: stadspuls check problem.json plan.json
    """
    from processors.routing.check import check as failures_of
    from processors.routing.problem_file import problem_from_json, read_json

    _say_failures([str(failure) for failure in failures_of(problem_from_json(read_json(problem)), read_json(plan))])


def import_wcvrptw(
    file: Annotated[Path, typer.Argument(help="A *_stop.txt of the waste collection instances")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where PROBLEM.json goes")],
    trucks: Annotated[
        int | None, typer.Option("--trucks", min=1, help="Size of the fleet; else what the daily caps ask for, with 2 % to spare")
    ] = None,
) -> None:
    """Turn a waste collection instance (Kim, Kim and Sahoo 2006) into a PROBLEM.json.

    Example: stadspuls import-wcvrptw 102_stop.txt --output problem.json
    """
    from processors.routing.problem_file import problem_from_json, write_json
    from processors.routing.wcvrptw import wcvrptw_content

    content = wcvrptw_content(file, trucks)
    problem = problem_from_json(content)
    write_json(output, content)
    print(
        f"{len(problem.stops)} stops, {len(problem.disposal_sites)} disposal sites, {len(problem.trucks)} trucks; "
        f"daily cap hard, lunch between 11:00 and 12:00; written to {output}"
    )


def _for_the_search(seconds: float) -> float:
    """What the search may take so that the whole command keeps to its seconds: starting and reading took their part already, and
    timing, checking and writing at the end take about as long once more. A fifth is always left."""
    started = time.monotonic() - COMMAND_STARTED
    return max(seconds / 5, seconds - 2 * started - 0.5)


def _say_failures(failures: list[str]) -> None:
    if not failures:
        print("the plan keeps every rule")
        return
    for failure in failures:
        print(failure)
    print(f"the plan breaks {len(failures)} {'rule' if len(failures) == 1 else 'rules'}")
    raise typer.Exit(1)


def _disruption(trucks: int, fractions: list[str], district_by_district: bool, because: str) -> Disruption | None:
    from models.domain.failures import UserError
    from processors.plan.disruption import Disruption

    if not trucks:
        if district_by_district:
            raise UserError("--district-by-district is for disrupted days: say with --trucks how many trucks are left")
        return None
    if not fractions:
        raise UserError("say which fractions the trucks that are left collect, as in --fractions residual,paper")
    return Disruption(trucks, tuple(fractions), district_by_district, because)


async def _plans(day: date, fractions: list[str], refresh: bool, disruption: Disruption | None = None) -> list[CollectionPlan]:
    """Stored plans of the day; those that are missing, or all with `refresh` or a disruption, are made first."""
    from processors.plan.city_planner import Planner
    from runtime.postgres import open_pool
    from runtime.settings import CitySettings, DatabaseSettings, PlanSettings, load
    from storage.plans import plans_of

    pool = await open_pool(load(DatabaseSettings, "operator"), application_name="stadspuls-plan")
    try:
        planner = Planner(pool, load(PlanSettings, "operator"), load(CitySettings, "operator"), city_clock())
        async with pool.acquire() as connection:
            stored = {plan.fraction for plan in await plans_of(connection, day)}
        city = await planner.read()
        wanted = fractions or sorted({str(item.fraction) for item in city.inputs.containers})
        make = [name for name in wanted if refresh or name not in stored]
        if disruption is not None:
            # What is not collected gets a plan without trucks, and its reasons.
            await planner.make(day, None, disruption)
        elif make or not wanted:
            await planner.make(day, make)
        async with pool.acquire() as connection:
            return [plan for plan in await plans_of(connection, day) if plan.fraction in wanted]
    finally:
        await pool.close()
