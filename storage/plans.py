"""Collection plans: saved with what they were made from and a message for other systems, all in one transaction.

Inputs are stored by content, each once, however many plans used it. A plan is never changed: a new one is a new revision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import asyncpg
import orjson

from models.domain.plan import SHADOW, CollectionPlan, ContainerDecision

_DECISION = tuple(name for name in ContainerDecision.model_fields if name != "figures")
"""The columns of a decision; its further figures stand in the plan's document."""


async def save_plan(connection: asyncpg.Connection, plan: CollectionPlan, inputs: Mapping[str, Any]) -> int:
    """Saves a plan as the next revision of its (date, district, fraction) and returns that revision; the plan's own is ignored.

    `inputs` maps a name (features, matrix, registry version, package versions …) to what JSON can hold. Two planners of the same
    plan wait for each other. The outbox gets a row in the same transaction, but for a plan of shadow mode: that is nobody's to drive.
    """
    async with connection.transaction():
        key = (plan.plan_date, plan.district, plan.fraction)
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"plan {'/'.join(map(str, key))}")
        revision: int = await connection.fetchval(
            "SELECT coalesce(max(revision), 0) + 1 FROM plan WHERE (plan_date, district, fraction) = ($1, $2, $3)", *key
        )
        saved = plan.model_copy(update={"revision": revision})
        await _insert_plan(connection, saved)
        await _insert_inputs(connection, (*key, revision), inputs)
        if plan.district != SHADOW:
            await connection.execute(
                "INSERT INTO outbox (channel, key, payload) VALUES ('plans', $1, $2)",
                f"{plan.plan_date.isoformat()}/{plan.district}/{plan.fraction}/{revision}",
                saved.model_dump_json(),
            )
    return revision


async def _insert_plan(connection: asyncpg.Connection, plan: CollectionPlan) -> None:
    fixed = plan.fixed_schedule
    values = {
        "plan_date": plan.plan_date,
        "district": plan.district,
        "fraction": plan.fraction,
        "revision": plan.revision,
        "made_at": plan.made_at,
        "seed": plan.seed,
        "iterations": plan.iterations,
        "matrix_source": plan.matrix_source,
        "truck_count": len({route.truck_id for route in plan.routes}),
        "stop_count": plan.stop_count,
        "distance_m": plan.distance_m,
        "duration_s": sum(route.duration_s for route in plan.routes),
        "fixed_truck_count": fixed.trucks if fixed else None,
        "fixed_stop_count": fixed.stops if fixed else None,
        "fixed_distance_m": fixed.distance_m if fixed else None,
        "fixed_duration_s": fixed.duration_s if fixed else None,
        "check_failures": list(plan.check_failures),
        "document": plan.model_dump_json(),
    }
    parameters = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(f"INSERT INTO plan ({', '.join(values)}) VALUES ({parameters})", *values.values())
    parameters = ", ".join(f"${number}" for number in range(1, len(_DECISION) + 5))
    await connection.executemany(
        f"INSERT INTO plan_decision (plan_date, district, fraction, revision, {', '.join(_DECISION)}) VALUES ({parameters})",
        [
            (plan.plan_date, plan.district, plan.fraction, plan.revision, *(getattr(item, name) for name in _DECISION))
            for item in plan.decisions
        ],
    )


async def _insert_inputs(connection: asyncpg.Connection, key: tuple[date, str, str, int], inputs: Mapping[str, Any]) -> None:
    contents = {name: orjson.dumps(content, option=orjson.OPT_SORT_KEYS) for name, content in inputs.items()}
    hashes = {name: sha256(content).hexdigest() for name, content in contents.items()}
    for name in sorted(contents, key=lambda name: hashes[name]):
        await connection.execute(
            """
            INSERT INTO decision_input (content_sha256, content) VALUES ($1, $2)
            ON CONFLICT (content_sha256) DO UPDATE SET last_used_at = now()
            """,
            hashes[name],
            contents[name].decode(),
        )
        await connection.execute(
            "INSERT INTO plan_input (plan_date, district, fraction, revision, name, content_sha256) VALUES ($1, $2, $3, $4, $5, $6)",
            *key,
            name,
            hashes[name],
        )


async def plans_of(connection: asyncpg.Connection, plan_date: date) -> list[CollectionPlan]:
    """The newest revision of each plan of a day, by district and fraction; none of shadow mode."""
    return await _newest(connection, plan_date, "district <> $2")


async def shadow_plans_of(connection: asyncpg.Connection, plan_date: date) -> list[CollectionPlan]:
    """The newest revision of each plan of shadow mode of a day, by fraction."""
    return await _newest(connection, plan_date, "district = $2")


async def _newest(connection: asyncpg.Connection, plan_date: date, condition: str) -> list[CollectionPlan]:
    """`condition` compares the district with shadow mode's."""
    rows = await connection.fetch(
        f"""
        SELECT DISTINCT ON (district, fraction) document FROM plan WHERE plan_date = $1 AND {condition}
        ORDER BY district, fraction, revision DESC
        """,
        plan_date,
        SHADOW,
    )
    return [_read(row["document"]) for row in rows]


def _read(document: str) -> CollectionPlan:
    """While a city takes a new release, services of this one read what that one's planner writes: what they do not know is left out."""
    return CollectionPlan.model_validate_json(document, extra="ignore")


async def plan_of(
    connection: asyncpg.Connection, plan_date: date, district: str, fraction: str, revision: int | None = None
) -> CollectionPlan | None:
    """One plan: of the given revision, else the newest; None when there is none."""
    document = await connection.fetchval(
        """
        SELECT document FROM plan WHERE (plan_date, district, fraction) = ($1, $2, $3) AND ($4::integer IS NULL OR revision = $4)
        ORDER BY revision DESC LIMIT 1
        """,
        plan_date,
        district,
        fraction,
        revision,
    )
    return _read(document) if document else None


async def latest_plan(
    connection: asyncpg.Connection, district: str, fraction: str, since: date, until: date
) -> CollectionPlan | None:
    """The newest plan with a tour of the latest day from `since` to `until`, both included; None when there is none."""
    document = await connection.fetchval(
        """
        SELECT document FROM plan
        WHERE (district, fraction) = ($1, $2) AND plan_date BETWEEN $3 AND $4 AND stop_count > 0
        ORDER BY plan_date DESC, revision DESC LIMIT 1
        """,
        district,
        fraction,
        since,
        until,
    )
    return _read(document) if document else None


async def plan_inputs(
    connection: asyncpg.Connection, plan_date: date, district: str, fraction: str, revision: int
) -> dict[str, Any]:
    """What a plan was made from, by name."""
    rows = await connection.fetch(
        """
        SELECT name, content FROM plan_input JOIN decision_input USING (content_sha256)
        WHERE (plan_date, district, fraction, revision) = ($1, $2, $3, $4) ORDER BY name
        """,
        plan_date,
        district,
        fraction,
        revision,
    )
    return {row["name"]: orjson.loads(row["content"]) for row in rows}


async def has_plans(connection: asyncpg.Connection, plan_date: date) -> bool:
    """Whether a day has any plan to drive."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM plan WHERE plan_date = $1 AND district <> $2)", plan_date, SHADOW
    )
    return found


async def newest_plan_date(connection: asyncpg.Connection) -> date | None:
    """The latest day that has a plan to drive, or None."""
    found: date | None = await connection.fetchval("SELECT max(plan_date) FROM plan WHERE district <> $1", SHADOW)
    return found


async def previous_plan_date(connection: asyncpg.Connection, before: date) -> date | None:
    """The latest day before another that has a plan with a tour, or None."""
    found: date | None = await connection.fetchval(
        "SELECT max(plan_date) FROM plan WHERE plan_date < $1 AND stop_count > 0 AND district <> $2", before, SHADOW
    )
    return found


async def stops_changed_by_words(connection: asyncpg.Connection, truck_id: str, since: date, until: date) -> int:
    """Containers, once per day, on which a truck's crew decided in re-plans of these days (both included) otherwise than the plan's times."""
    count: int = await connection.fetchval(
        """
        SELECT count(DISTINCT (plan_date, changed.container_id))
        FROM plan, jsonb_array_elements_text(document #> ARRAY['verdict_figures', 'main', 'changed_by_words', $1]) AS changed (container_id)
        WHERE plan_date BETWEEN $2 AND $3 AND document #> ARRAY['verdict_figures', 'main', 'changed_by_words', $1] IS NOT NULL
        """,
        truck_id,
        since,
        until,
    )
    return count


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A plan, a price or a re-plan that somebody asked for. `district` and `fraction` "*" mean all; `details` are the wish or event.
    Answered: `revision`, `answer` or `failure` is set."""

    request_id: int
    plan_date: date
    district: str
    fraction: str
    asked_by: str
    asked_at: datetime
    answered_at: datetime | None
    revision: int | None
    failure: str | None
    kind: str = "plan"
    details: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] | None = None


async def request_plan(
    connection: asyncpg.Connection,
    plan_date: date,
    *,
    district: str = "*",
    fraction: str = "*",
    asked_by: str,
    kind: str = "plan",
    details: Mapping[str, Any] | None = None,
) -> int:
    """Asks the planner for a plan, a price or a re-plan; returns the request's id."""
    async with connection.transaction():
        request_id: int = await connection.fetchval(
            "INSERT INTO plan_request (plan_date, district, fraction, asked_by) VALUES ($1, $2, $3, $4) RETURNING request_id",
            plan_date,
            district,
            fraction,
            asked_by,
        )
        if kind != "plan":
            await connection.execute(
                "INSERT INTO plan_request_detail (request_id, kind, details) VALUES ($1, $2, $3)",
                request_id,
                kind,
                orjson.dumps(dict(details or {})).decode(),
            )
    return request_id


_REQUEST = """
SELECT request_id, plan_date, district, fraction, asked_by, asked_at, answered_at, revision, failure,
       coalesce(detail.kind, 'plan') AS kind, coalesce(detail.details, '{}') AS details, detail.answer
FROM plan_request AS request LEFT JOIN plan_request_detail AS detail USING (request_id)
"""


async def plan_requests(connection: asyncpg.Connection, *, limit: int = 10) -> list[PlanRequest]:
    """Unanswered requests, oldest first. Inside a transaction they are this planner's until its end; others skip them."""
    rows = await connection.fetch(
        f"{_REQUEST} WHERE answered_at IS NULL ORDER BY request_id LIMIT $1 FOR UPDATE OF request SKIP LOCKED", limit
    )
    return [_request(row) for row in rows]


async def plan_request(connection: asyncpg.Connection, request_id: int) -> PlanRequest | None:
    """One request with its answer, or None."""
    row = await connection.fetchrow(f"{_REQUEST} WHERE request_id = $1", request_id)
    return _request(row) if row else None


def _request(row: asyncpg.Record) -> PlanRequest:
    found = dict(row)
    answer = found["answer"]
    return PlanRequest(**{**found, "details": orjson.loads(found["details"]), "answer": orjson.loads(answer) if answer else None})


async def answer_plan_request(
    connection: asyncpg.Connection,
    request_id: int,
    *,
    revision: int | None = None,
    failure: str | None = None,
    answer: Mapping[str, Any] | None = None,
) -> None:
    """Answers with the newest revision made, what else was found, or one sentence on why there is none."""
    async with connection.transaction():
        await connection.execute(
            "UPDATE plan_request SET answered_at = now(), revision = $2, failure = $3 WHERE request_id = $1",
            request_id,
            revision,
            failure,
        )
        if answer is not None:
            await connection.execute(
                "UPDATE plan_request_detail SET answer = $2 WHERE request_id = $1", request_id, orjson.dumps(dict(answer)).decode()
            )
