"""`stadspuls model`: the fitted forecast models, which of them serves, and the way back to the former one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    import asyncpg

    from storage.forecast_models import StoredModel

    Found = TypeVar("Found")

app = typer.Typer(
    help="Fitted forecast models: fit one, list them, take one to serve, go back to the former.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table")]


def add_verbs(parent: typer.Typer) -> None:
    parent.add_typer(app, name="model")


@app.command()
def fit(
    take: Annotated[
        bool, typer.Option("--take/--keep-beside", help="Let it serve if it is not worse than the one that serves, or only keep it")
    ] = True,
) -> None:
    """Fit a model on the stored readings and compare it with the one that serves, on recent data that neither has learnt from.

    Takes minutes. Example: stadspuls model fit
    """
    import asyncio

    asyncio.run(_fit(take))


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """All models, the newest first: when fitted, on what, how it compared, whether it serves."""
    from storage.forecast_models import models

    found = _with_database(models)
    if as_json:
        _print_json([_as_json(item) for item in found])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "model", "fitted", "data", "scikit-learn", "containers", "cases", "beside the one that served then")
    for item in found:
        known = item.description
        table.add_row(
            "serves" if item.serves else "",
            item.name,
            f"{item.made_at:%Y-%m-%d %H:%M}",
            f"{known.data_from:%Y-%m-%d} … {known.data_until:%Y-%m-%d}",
            known.scikit_learn,
            str(known.containers),
            str(known.cases),
            item.comparison,
        )
    Console().print(table if found else "No forecast model has been fitted yet: stadspuls model fit")


@app.command()
def take(version: Annotated[int, typer.Argument(help="Number of the model, as `stadspuls model list` shows it")]) -> None:
    """Let a model serve from the next sweep on, whatever its comparison said."""
    item = _with_database(lambda connection: _take(connection, version, "taken by hand"))
    print(f"model {item.name} serves from the next sweep of the forecast service on; `stadspuls model back` undoes it")


@app.command()
def back() -> None:
    """Let the model serve that served before the present one; a second time undoes it."""
    from storage.forecast_models import former_version

    async def go_back(connection: asyncpg.Connection) -> StoredModel:
        return await _take(connection, await former_version(connection), "back to the former one by hand")

    item = _with_database(go_back)
    print(f"model {item.name}, fitted {item.made_at:%Y-%m-%d %H:%M}, serves again from the next sweep of the forecast service on")


@app.command()
def show(
    version: Annotated[int | None, typer.Argument(help="Number of the model; none means the one that serves")] = None,
    as_json: AsJson = False,
) -> None:
    """Everything known about one model: data, scores, weights, hash, and whether it fits this installation."""
    from storage.forecast_models import model_content, model_of

    async def find(connection: asyncpg.Connection) -> tuple[StoredModel, bytes]:
        item = await model_of(connection, version)
        return item, (await model_content(connection, item.version))[0]

    item, content = _with_database(find)
    if as_json:
        _print_json(_as_json(item) | {"refused": _refusal(item, content)})
        return
    _print_model(item, _refusal(item, content))


def _print_model(item: StoredModel, refusal: str | None) -> None:
    from rich.console import Console
    from rich.table import Table

    known = item.description
    print(f"model {item.name}{', which serves' if item.serves else ''}: {known.forecaster} {known.forecaster_version}")
    print(f"  fitted         {item.made_at:%Y-%m-%d %H:%M} UTC, seed {known.seed}, {known.iterations} trees a quantile")
    print(
        f"  data           {known.data_from:%Y-%m-%d} … {known.data_until:%Y-%m-%d}, {known.containers} containers, {known.cases} cases"
    )
    print(
        f"  made with      scikit-learn {known.scikit_learn}, numpy {known.numpy}, Python {known.python}; {len(known.features)} features"
    )
    print(f"  artifact       {item.content_bytes} bytes, sha256 {item.content_sha256}")
    print(f"  compared       {item.comparison}")
    if item.taken_at:
        print(f"  taken          {item.taken_at:%Y-%m-%d %H:%M} UTC by {item.taken_by}: {item.reason}")
    print(f"  here           {refusal or 'fits this installation'}")
    table = Table(
        "fraction", "forecaster", "cases", "pinball", "80 % covers", "width", title="On recent cases that it had not learnt from"
    )
    for score in known.scores:
        figures = (f"{100 * score.pinball:.2f}", f"{100 * score.coverage:.1f} %", f"{100 * score.width:.1f}")
        table.add_row(score.fraction, score.name, str(score.cases), *figures)
    Console().print(table)
    weights = Table("fraction | hours up to", *known.members, title="How much each member counts")
    for cell, learnt in sorted(known.weights.items()):
        weights.add_row(cell, *(f"{100 * learnt.get(member, 0.0):.0f} %" for member in known.members))
    Console().print(weights)


def _refusal(item: StoredModel, content: bytes) -> str | None:
    from models.fill_forecast.artifact import ArtifactRefused, unpack

    try:
        unpack(content, expected_sha256=item.content_sha256, version=item.name)
    except ArtifactRefused as error:
        return f"refused: {error}"
    return None


async def _take(connection: asyncpg.Connection, version: int, reason: str) -> StoredModel:
    """Takes a model that this installation can load. Raises `ArtifactRefused` for another."""
    from datetime import UTC, datetime

    from models.fill_forecast.artifact import unpack
    from storage.forecast_models import model_content, model_of, take_model

    item = await model_of(connection, version)
    content, digest = await model_content(connection, version)
    unpack(content, expected_sha256=digest, version=item.name)
    await take_model(connection, version, taken_at=datetime.now(UTC), taken_by="operator", reason=reason)
    return item


async def _fit(take: bool) -> None:
    from datetime import UTC, datetime

    from processors.forecast.refit import refit
    from runtime.city_clock import clock_by
    from runtime.postgres import open_pool
    from runtime.settings import CitySettings, DatabaseSettings, ForecastSettings, load

    settings = load(ForecastSettings, "operator")
    city = load(CitySettings, "operator")
    wall = datetime.now(UTC)
    pool = await open_pool(load(DatabaseSettings, "operator"), application_name="stadspuls-model")
    try:
        print("fitting a forecast model on the stored readings; this takes minutes")
        done = await refit(
            pool,
            now=clock_by(city.city_clock_file).now(),
            known_at=wall,
            containers=settings.forecast_refit_containers,
            history_days=settings.forecast_refit_history_days,
            taken_by="operator",
            take=take,
            holiday_region=city.city_holidays,
        )
    finally:
        await pool.close()
    print(f"model {done.model.name}: {done.sentence}")
    if done.taken:
        print("it serves from the next sweep of the forecast service on; `stadspuls model back` undoes it")
    else:
        print(f"it is kept beside and does not serve; `stadspuls model take {done.model.version}` would let it serve")


def _with_database(question: Callable[[asyncpg.Connection], Awaitable[Found]]) -> Found:
    import asyncio

    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, load

    async def ask() -> Found:
        async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls-model") as connection:
            return await question(connection)

    return asyncio.run(ask())


def _as_json(item: StoredModel) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(item), "name": item.name, "description": item.description.model_dump(mode="json")}


def _print_json(value: object) -> None:
    import orjson

    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
