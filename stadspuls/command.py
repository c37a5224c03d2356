"""The `stadspuls` command. Each group of verbs lives in a file of `stadspuls.commands`; heavy imports happen in the verbs."""

from __future__ import annotations

import sys

import typer

from models.domain.failures import TransientError, UserError
from stadspuls.commands import COMMAND_GROUPS

app = typer.Typer(
    name="stadspuls",
    help="Runs a smart city's sensors: readings in, forecasts and collection plans out. Start with: stadspuls up",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for add_verbs in COMMAND_GROUPS:
    add_verbs(app)


def main() -> None:
    """Entry point: a user's mistake prints its sentence and exits with 2, a server that is away with 3, everything else as it comes."""
    try:
        app()
    except UserError as error:
        print(f"stadspuls: {error}", file=sys.stderr)
        sys.exit(2)
    except TransientError as error:
        print(f"stadspuls: {error}. `stadspuls status` shows what runs", file=sys.stderr)
        sys.exit(3)
