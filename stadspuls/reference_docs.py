"""Renders `docs/reference.md`: kinds, settings, metrics and dead-letter reasons, from the code that they describe.

`python -m stadspuls.reference_docs` writes it, and `docs/formats.md` with it; a test fails when the file and the code differ.
"""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase
from pydantic import SecretStr

from models.domain import failures
from models.domain.failures import DeadLetterReason
from models.sensor_kinds import SENSOR_KINDS
from runtime import metrics
from runtime.settings import ENVIRONMENT_PREFIX, Settings
from stadspuls import formats_docs
from stadspuls.services import SERVICE_MODULES
from storage.lifecycle import LATENESS_WINDOW, Lifecycle

REFERENCE = Path(__file__).parent.parent / "docs" / "reference.md"


def render() -> str:
    """The whole page as Markdown."""
    parts = ["# Reference", "Made from the code by `python -m stadspuls.reference_docs`; do not edit by hand."]
    parts += ["## Kinds of sensor", *[_kind(kind.name) for kind in SENSOR_KINDS]]
    parts += ["## Settings", _SETTINGS_INTRODUCTION, *[_settings(found) for found in settings_classes()]]
    parts += ["## Metrics", _table(("metric", "type", "labels", "meaning"), _metric_rows())]
    parts += ["## How long what is kept", _LIFECYCLE_INTRODUCTION, _table(("what", "where", "days"), Lifecycle().rows())]
    parts += ["## Reasons of dead letters", _table(("reason", "meaning"), _reason_rows())]
    return "\n\n".join(parts) + "\n"


_LIFECYCLE_INTRODUCTION = (
    f"On TimescaleDB, readings go to the columnstore after {LATENESS_WINDOW.days} days, the window in which late readings are usual; "
    f"rollups are refreshed every {Lifecycle().rollup_refresh.seconds // 60} minutes, never from before the oldest raw reading. "
    "On plain PostgreSQL, `stadspuls maintain` refreshes and removes."
)

_SETTINGS_INTRODUCTION = (
    "Read from the environment, then `env/common.env` and `env/<service>.env` of the run directory, then the defaults below."
)


def settings_classes() -> list[type[Settings]]:
    """Every settings class of the project, those of the services included, in order of name."""
    for module in SERVICE_MODULES.values():
        import_module(module)
    found = {item for parent in Settings.__subclasses__() for item in (parent, *parent.__subclasses__())}
    return sorted((item for item in found if not item.__module__.startswith("tests")), key=lambda item: item.__name__)


def _kind(name: str) -> str:
    kind = next(kind for kind in SENSOR_KINDS if kind.name == name)
    rows = [
        (
            f"`{column.name}`",
            column.sql_type,
            column.quantity.unit or "–",
            column.description + (" (derived)" if column.quantity.derived else ""),
        )
        for column in kind.columns()
    ]
    return f"### `{kind.name}`: {kind.title}\n\nOn things of type `{kind.thing_type}`.\n\n" + _table(
        ("column", "type", "unit", "meaning"), rows
    )


def _settings(found: type[Settings]) -> str:
    rows = []
    for name, field in found.model_fields.items():
        default = field.get_default()
        shown = "(secret)" if isinstance(default, SecretStr) else "" if default is None else f"`{default}`"
        rows.append((f"`{ENVIRONMENT_PREFIX}{name.upper()}`", shown, field.description or ""))
    introduction = inspect.getdoc(found) or ""
    return f"### {found.__name__}\n\n{introduction}\n\n" + _table(("variable", "default", "meaning"), rows)


def _metric_rows() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for item in vars(metrics).values():
        if isinstance(item, MetricWrapperBase):
            described = next(iter(item.describe()))
            name = described.name + ("_total" if described.type == "counter" else "")
            rows.append((f"`{name}`", described.type, ", ".join(item._labelnames), described.documentation))
    return rows


def _reason_rows() -> list[tuple[str, ...]]:
    """Each reason with the docstring under it, which Python itself does not keep."""
    rows: list[tuple[str, ...]] = []
    tree = ast.parse(inspect.getsource(failures))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == DeadLetterReason.__name__).body
    for assignment, text in itertools.pairwise(body):
        if isinstance(assignment, ast.Assign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            name = assignment.targets[0]
            assert isinstance(name, ast.Name)
            rows.append((f"`{DeadLetterReason[name.id].value}`", " ".join(str(text.value.value).split())))
    return rows


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows])


if __name__ == "__main__":
    for page, text in ((REFERENCE, render()), (formats_docs.FORMATS, formats_docs.render())):
        page.write_text(text, encoding="utf-8")
        print(f"wrote {page}")
