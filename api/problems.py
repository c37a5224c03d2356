"""Errors as problem details (RFC 9457), and the headers that every answer carries, errors included.

Invalid input is a 400 with one line per wrong parameter, as the Dutch API Design Rules ask, not FastAPI's 422.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from models.domain.failures import TransientError, UserError
from runtime import metrics

API_VERSION = "1.0.0"

_HEADERS = {
    "API-Version": API_VERSION,
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "Access-Control-Allow-Origin": "*",
}


def install(application: FastAPI) -> None:
    """Adds the error handlers, the headers and the request metrics to the application."""
    application.add_exception_handler(RequestValidationError, _invalid_input)
    application.add_exception_handler(HTTPException, _http_error)
    application.add_exception_handler(TransientError, _unavailable)
    application.add_exception_handler(UserError, _refused)
    application.middleware("http")(_finish)


def problem(status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    """One problem-details answer."""
    return JSONResponse(
        {"status": status, "title": title, "detail": detail, **more},
        status_code=status,
        media_type="application/problem+json",
    )


async def _invalid_input(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = [{"in": str(item["loc"][0]), "name": str(item["loc"][-1]), "detail": item["msg"]} for item in error.errors()]
    names = ", ".join(item["name"] for item in wrong)
    return problem(400, "Invalid input", f"These parameters are not valid: {names}.", errors=wrong)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    titles = {401: "Not signed in", 403: "Not allowed", 404: "Not found", 410: "Gone"}
    answer = problem(error.status_code, titles.get(error.status_code, "Error"), str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _refused(_request: Request, error: Exception) -> Response:
    return problem(409, "Not possible", f"{str(error)[:1].upper()}{str(error)[1:]}.".replace("..", "."))


async def _unavailable(_request: Request, error: Exception) -> Response:
    return problem(503, "Unavailable", f"The database does not answer for now; try again in a few seconds. ({error})")


async def _finish(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    began = time.perf_counter()
    try:
        response = await call_next(request)
    except Exception:
        metrics.HTTP_REQUESTS.labels("other", "5xx").inc()
        raise
    matched = request.scope.get("route")
    endpoint = getattr(matched, "path", "other")
    metrics.HTTP_REQUESTS.labels(endpoint, f"{response.status_code // 100}xx").inc()
    metrics.HTTP_SECONDS.labels(endpoint).observe(time.perf_counter() - began)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
