"""What each service's database role may do: least privilege, applied by `stadspuls migrate` to the roles that exist."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from models.sensor_kinds import SensorKind
from storage.reading_tables import latest_table
from storage.rollups import rollups

ROLES = ("store", "forecast", "plan", "api", "grafana")

_APPEND = "SELECT, INSERT"
_CHANGE = "SELECT, INSERT, UPDATE"
_REPLACE = "SELECT, INSERT, UPDATE, DELETE"

_TABLES: dict[str, dict[str, str]] = {
    "store": {
        "stream_offset": _CHANGE,
        "topic_incarnation": _APPEND,
        "dead_letter": _CHANGE,
        "dead_letter_replay": _APPEND,
        "dead_letter_source": _CHANGE,
        "sequence_moment": _APPEND,
        "ledger": _CHANGE,
    },
    "forecast": {
        "forecast_current": _REPLACE,
        "forecast_kept": _APPEND,
        "emptying": _REPLACE,
        "forecast_model": _APPEND,
        "forecast_model_taken": _APPEND,
        "forecast_outcome": _APPEND,
        "forecast_score": _CHANGE,
        "forecast_spread": _APPEND,
    },
    "plan": {
        "plan": _APPEND,
        "plan_decision": _APPEND,
        "plan_input": _APPEND,
        "decision_input": _CHANGE,
        "plan_request": _CHANGE,
        "plan_request_detail": _CHANGE,
        "outbox": _CHANGE,
        "forecast_kept": _APPEND,
        "plan_day_state": _APPEND,
        "plan_wish": _CHANGE,
        "plan_day_event": _APPEND,
        "disrupted_day": _CHANGE,
        "shadow_visit": _REPLACE,
        "district_day": _CHANGE,
        "district_fallback": _CHANGE,
    },
    "api": {
        "plan_request": _APPEND,
        "plan_request_detail": _APPEND,
        "plan_day_state": _APPEND,
        "plan_day_event": _APPEND,
        "crew_report": _APPEND,
    },
}


def grants(role: str, kinds: Sequence[SensorKind]) -> list[str]:
    """GRANT statements of one role. All read everything but the bytes of dead letters, which are the store's alone."""
    statements = [f'GRANT USAGE ON SCHEMA public TO "{role}"', f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{role}"']
    if role != "store":
        statements.append(f'REVOKE ALL ON dead_letter FROM "{role}"')
        columns = (
            "letter_id, incarnation, source_partition, source_offset, source_index, reason, source, first_seen, attempts, outcome"
        )
        statements.append(f'GRANT SELECT ({columns}) ON dead_letter TO "{role}"')
    statements += [f'GRANT {rights} ON {table} TO "{role}"' for table, rights in _TABLES.get(role, {}).items()]
    if role == "store":
        for kind in kinds:
            statements.append(f'GRANT {_APPEND} ON {kind.name} TO "{role}"')
            statements.append(f'GRANT {_CHANGE} ON {latest_table(kind)} TO "{role}"')
    # "All tables" does not reach what TimescaleDB keeps elsewhere behind the rollups' names.
    statements += [f'GRANT SELECT ON {rollup.name} TO "{role}"' for kind in kinds for rollup in rollups(kind)]
    return statements


async def apply_grants(connection: asyncpg.Connection, kinds: Sequence[SensorKind]) -> list[str]:
    """Grants to every role of ours that the server has; returns those roles."""
    rows = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY ($1) ORDER BY rolname", list(ROLES))
    found = [row["rolname"] for row in rows]
    for role in found:
        for statement in grants(role, kinds):
            await connection.execute(statement)
    return found
