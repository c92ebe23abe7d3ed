"""Galley's HTTP application, put together from its routes."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI

from meltemi.config.kinds import KINDS
from meltemi.galley import asyncapi, openapi
from meltemi.galley.adapters.administration import administration
from meltemi.galley.adapters.answers import json_answer, route
from meltemi.galley.adapters.asking import audited, check_fleet_reader
from meltemi.galley.adapters.batches import batches
from meltemi.galley.adapters.newcomers import newcomers_route
from meltemi.galley.adapters.patching import patcher
from meltemi.galley.adapters.place import COLLECTION, EVERYWHERE, OBJECT
from meltemi.galley.adapters.problems import answer_problems
from meltemi.galley.adapters.reading import lister, reader, views
from meltemi.galley.adapters.secrets import secret_routes
from meltemi.galley.adapters.starting import starting_route
from meltemi.galley.adapters.versions import history
from meltemi.galley.adapters.writing import creator, remover, replacer, sweeper
from meltemi.galley.traffic import traffic
from meltemi.galley.window import window_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import Request, Response
    from starlette.routing import BaseRoute

    from meltemi.galley.adapters.directory import Directory
    from meltemi.galley.adapters.galley import Galley


def galley_app(galley: Galley, directory: Directory | None = None) -> FastAPI:
    """Return an application that serves ``galley``; operations come on top.

    How ``directory`` stands can be asked for, where there is one.
    """
    app = FastAPI(title="Meltemi Galley", openapi_url=None)
    answer_problems(app, galley.metrics)
    app.router.routes.extend(_routes(galley))
    app.router.routes.append(_sources(galley, directory))
    return app


def _sources(galley: Galley, directory: Directory | None) -> BaseRoute:
    async def sources(request: Request) -> Response:
        await check_fleet_reader(galley, request)
        return json_answer({"items": [directory.sourced] if directory else []})

    return route("/api/v1/sources", {"GET": sources})


def _routes(galley: Galley) -> Iterator[BaseRoute]:
    """Yield what is asked for most first: a request tries one after another."""
    yield route(
        OBJECT,
        {
            "GET": reader(galley),
            "PUT": audited(galley, "put", replacer(galley)),
            "PATCH": audited(galley, "patch", patcher(galley)),
            "DELETE": audited(galley, "delete", remover(galley)),
        },
    )
    many = lister(galley)
    yield route(
        COLLECTION,
        {
            "GET": many,
            "POST": audited(galley, "create", creator(galley)),
            "DELETE": audited(galley, "delete-collection", sweeper(galley)),
        },
    )
    yield route(EVERYWHERE, {"GET": many})
    yield from _own_views(galley)
    yield newcomers_route(galley.newcomers)
    yield starting_route(galley)
    yield from administration(galley)
    yield from secret_routes(galley)
    yield from batches(galley)
    yield from history(galley)
    yield from views(galley)


def _own_views(galley: Galley) -> Iterator[BaseRoute]:
    async def served(_: Request) -> Response:
        kinds = [
            {
                "kind": kind.name,
                "group": kind.group,
                "versions": kind.versions,
                "plural": kind.plural,
                "shortNames": kind.short_names,
            }
            for kind in KINDS
        ]
        return json_answer({"kinds": kinds})

    async def proxies(request: Request) -> Response:
        await check_fleet_reader(galley, request)
        fleet = await galley.pilots.fleet()
        return json_answer(fleet.proxies)

    async def stats(request: Request) -> Response:
        await check_fleet_reader(galley, request)
        seconds = window_of(request.query_params.get("window", ""))
        counted = await galley.pilots.counted(seconds)
        return json_answer(traffic(counted, seconds))

    async def describe(_: Request) -> Response:
        return json_answer(openapi.document(version("meltemi-galley")))

    async def describe_events(_: Request) -> Response:
        return json_answer(asyncapi.document(version("meltemi-galley")))

    yield route("/openapi.json", {"GET": describe})
    yield route("/asyncapi.json", {"GET": describe_events})
    yield route("/apis", {"GET": served})
    yield route("/api/v1/proxies", {"GET": proxies})
    yield route("/api/v1/stats", {"GET": stats})
