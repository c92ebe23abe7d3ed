"""Pilot over HTTP: what its proxies hold and refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI, Response

from meltemi.stats.report import encoded

if TYPE_CHECKING:
    from meltemi.pilot.connections import Connections
    from meltemi.pilot.stats.book import Book


def views(connections: Connections, book: Book) -> FastAPI:
    """Return an application that shows what Pilot knows; Galley joins all Pilots'."""
    app = FastAPI(title="Meltemi Pilot", docs_url=None, redoc_url=None)

    @app.get("/api/v1/proxies")
    async def proxies() -> list[dict[str, object]]:
        return [dict(row) for row in connections.rows()]

    @app.get("/api/v1/refusals")
    async def refusals() -> list[dict[str, object]]:
        return [dict(row) for row in connections.refusals()]

    @app.get("/api/v1/presence")
    async def presence() -> Response:
        told = msgspec.json.encode(connections.presence())
        return Response(told, media_type="application/json")

    @app.get("/api/v1/stats")
    async def stats(seconds: float = 60.0) -> Response:
        return Response(encoded(book.over(seconds)), media_type="application/json")

    return app
