"""The verbs of the command, one file per group; each file has `add_verbs(app)` and is listed here."""

from __future__ import annotations

from collections.abc import Callable

import typer

from stadspuls.commands import (
    backtest,
    backup,
    database,
    dead_letters,
    demo,
    developer,
    forecast,
    ledger,
    model,
    osm,
    plan,
    pull,
    redecode,
    registry,
    replay,
    run,
    simulate,
    sparkplug,
    stack,
    topics,
    truth,
    whatif,
)

COMMAND_GROUPS: tuple[Callable[[typer.Typer], None], ...] = (
    backtest.add_verbs,
    backup.add_verbs,
    database.add_verbs,
    dead_letters.add_verbs,
    demo.add_verbs,
    developer.add_verbs,
    forecast.add_verbs,
    ledger.add_verbs,
    model.add_verbs,
    osm.add_verbs,
    plan.add_verbs,
    pull.add_verbs,
    redecode.add_verbs,
    registry.add_verbs,
    replay.add_verbs,
    run.add_verbs,
    simulate.add_verbs,
    sparkplug.add_verbs,
    stack.add_verbs,
    topics.add_verbs,
    whatif.add_verbs,
    truth.add_verbs,
)
