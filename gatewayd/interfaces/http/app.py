"""The application: routes, problem documents, and the guard before all of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from gatewayd import __version__
from gatewayd.interfaces.http import (
    campaigns,
    contacts,
    events,
    gateway,
    kannel,
    messages,
    models,
    people,
    problems,
    segments,
)
from gatewayd.interfaces.http.asked import only_known
from gatewayd.interfaces.http.guard import Guard
from gatewayd.interfaces.http.here import Services
from gatewayd.interfaces.http.places import Places

_ABOUT = """\
SMS through your own SIMs. Each request but `/health` carries `Authorization: Bearer gwd_...`; refusals are problem
documents (RFC 9457) whose `type` never changes. docs/api.md tells more."""


def build(services: Services, *, hosts: Collection[str] = ()) -> ASGIApp:
    """The whole API of one gateway, asked for under the names of this machine's loopback and of `hosts`."""
    app = _application()
    app.state.services = services
    larger = [messages.MANY, contacts.IMPORT, *people.LISTS, campaigns.CREATE]
    placed = Places(app, changing=[kannel.PATH])
    return Guard(placed, hosts=hosts, known=services.gatekeeper.knows, larger=larger, forms=[kannel.PATH])


def document() -> dict[str, Any]:
    """What `/v1/openapi.json` tells."""
    return _application().openapi()


def _application() -> FastAPI:
    app = FastAPI(
        title="gatewayd",
        version=__version__,
        description=_ABOUT,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # their pages load programs from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # an address is written in one way, and an empty redirection tells nobody so
        responses={},
    )
    problems.install(app)
    for part in (messages, contacts, people, campaigns, segments, events, gateway):
        app.include_router(part.router, dependencies=[Depends(only_known)])
    for one in (gateway.health_router, kannel.router):
        app.include_router(one)
    made = app.openapi

    def openapi() -> dict[str, Any]:
        told = made()
        _add_problems(told["components"]["schemas"])
        return told

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's own documentation does it
    return app


def _add_problems(schemas: dict[str, Any]) -> None:
    """Problem documents in the place of FastAPI's own, which nobody is told here."""
    found = models.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(found.pop("$defs"), Problem=found)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
