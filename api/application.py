"""Builds the FastAPI application: endpoints, errors, the page's files. Called by `api.service` and by tests."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from api import containers, crew, forecast_scores, health, map_features, plan_days, plans, problems, shadow, things
from api.dependencies import Backend
from models.domain.failures import StadspulsError

PAGE = Path(__file__).parent / "page"


def make_application(backend: Backend) -> FastAPI:
    """The whole API over one database pool. `backend` carries the pool, the clock and the city's settings."""
    application = FastAPI(
        title="Stadspuls",
        version=problems.API_VERSION,
        description="Readings, fill forecasts and collection plans of a city's sensors.",
        contact={"name": "Stadspuls"},
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    application.state.backend = backend
    problems.install(application)
    for part in (health, things, containers, forecast_scores, plan_days, plans, shadow, crew, map_features):
        application.include_router(part.router, prefix="/v1")
    application.mount("/assets/leaflet", StaticFiles(directory=_leaflet_files()), name="leaflet")
    application.mount("/assets", StaticFiles(directory=PAGE), name="assets")
    # The crew's page and its worker share a folder: that is as far as the worker reaches.
    application.mount("/crew", StaticFiles(directory=PAGE / "crew", html=True), name="crew")
    application.add_api_route("/", _page, include_in_schema=False)
    return application


async def _page() -> Any:
    return FileResponse(PAGE / "index.html")


def _leaflet_files() -> Path:
    """Leaflet's files lie in a package of their own; it is located, not imported (it would want Django)."""
    found = find_spec("js_lib_leaflet")
    if found is None or found.origin is None:
        raise StadspulsError("the package django-js-lib-leaflet is not installed: run make setup")
    return Path(found.origin).parent / "static" / "js_lib_leaflet"
