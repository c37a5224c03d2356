"""The tables made from sensor kinds: one for all readings of a kind, one for the newest reading of each datastream.

Schema changes that lose nothing happen by themselves: a new kind is a new table, a new quantity a new nullable column. Everything
else is refused with the name of the migration that is needed. The only unique key is `(datastream_id, observed_at)`.
"""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from models.domain.failures import UserError
from models.sensor_kinds import SensorKind

KEY = ("datastream_id", "observed_at")

_IDENTITY: dict[str, str] = {
    "datastream_id": "text NOT NULL",
    "thing_id": "text NOT NULL",
    "observed_at": "timestamp with time zone NOT NULL",
    "received_at": "timestamp with time zone NOT NULL",
    "time_source": "text NOT NULL",
}
_ORIGIN: dict[str, str] = {
    "content_hash": "bigint NOT NULL",
    "source_incarnation": "uuid",
    "source_partition": "integer NOT NULL",
    "source_offset": "bigint NOT NULL",
    "source_index": "integer NOT NULL",
    "decoder_version": "integer NOT NULL",
    "registry_version": "integer NOT NULL",
}
ORIGIN_COLUMNS = tuple(_ORIGIN)


def reading_columns(kind: SensorKind) -> dict[str, str]:
    """Column → SQL type with its NOT NULL, of the kind's table of readings."""
    return {**_IDENTITY, **_quantities(kind), **_ORIGIN}


def latest_columns(kind: SensorKind) -> dict[str, str]:
    """The same for the table of newest readings, which leaves out where a reading came from."""
    return {**_IDENTITY, **_quantities(kind)}


def latest_table(kind: SensorKind) -> str:
    """Name of the table of newest readings."""
    return f"{kind.name}_latest"


def _quantities(kind: SensorKind) -> dict[str, str]:
    return {column.name: column.sql_type for column in kind.columns()}


async def existing_columns(connection: asyncpg.Connection, table: str) -> dict[str, str]:
    """Column → SQL type with its NOT NULL as the database has it; empty when there is no such table."""
    rows = await connection.fetch(
        """
        SELECT attname, format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END AS sql_type
        FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """,
        table,
    )
    return {row["attname"]: row["sql_type"] for row in rows}


def missing_columns(table: str, wanted: Mapping[str, str], existing: Mapping[str, str]) -> dict[str, str]:
    """The nullable columns to add. Raises `UserError` naming the migration that any other difference needs."""
    for name, sql_type in existing.items():
        if name not in wanted:
            raise UserError(
                f"table {table} has a column {name} that its sensor kind does not have: write a named migration "
                f"(drop_{table}_{name}) or put the quantity back"
            )
        if wanted[name] != sql_type:
            raise UserError(
                f"column {name} of table {table} is {sql_type}, its sensor kind wants {wanted[name]}: write a named migration "
                f"(change_{table}_{name})"
            )
    added = {name: sql_type for name, sql_type in wanted.items() if name not in existing}
    for name, sql_type in added.items():
        if "NOT NULL" in sql_type:
            raise UserError(f"table {table} lacks the column {name} {sql_type}: write a named migration (add_{table}_{name})")
    return added


def create_statement(table: str, columns: Mapping[str, str], primary_key: tuple[str, ...], storage: str = "") -> str:
    """CREATE TABLE with exactly one unique key."""
    lines = ",\n    ".join(f"{name} {sql_type}" for name, sql_type in columns.items())
    return f"CREATE TABLE {table} (\n    {lines},\n    PRIMARY KEY ({', '.join(primary_key)})\n){storage}"


def comments(kind: SensorKind, table: str) -> list[str]:
    """COMMENT statements that carry units and descriptions into the database, for whoever looks at it there."""
    found = [f"COMMENT ON TABLE {table} IS {_literal(kind.title)}"]
    for column in kind.columns():
        unit = f" [{column.quantity.unit}]" if column.quantity.unit else ""
        derived = ", derived" if column.quantity.derived else ""
        found.append(f"COMMENT ON COLUMN {table}.{column.name} IS {_literal(column.description + unit + derived)}")
    return found


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
