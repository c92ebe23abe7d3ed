"""Istio's debug pages over HTTP: `meltemi.pilot.debug`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi import HTTPException, Response

from meltemi.pilot.debug import adsz, config_dump, configz, endpointz, syncz

if TYPE_CHECKING:
    from fastapi import FastAPI

    from meltemi.pilot.connections import Connections
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.snapshot import Snapshot

PAGES: Final = ("adsz", "config_dump", "configz", "endpointz", "syncz")


def debug_pages(app: FastAPI, mesh: Latest[Mesh], connections: Connections) -> None:
    """Add ``/debug/NAME`` for each of `PAGES` to ``app``, and a list of them."""

    def held(name: str) -> Snapshot:
        """Return what a proxy is to hold; its newest stream counts."""
        streams = [each for each in connections.all() if each.proxy.name == name]
        if not streams or streams[-1].snapshot is None:
            raise HTTPException(
                HTTPStatus.NOT_FOUND,
                f"no proxy {name!r} is connected here: proxyID is NAME.NAMESPACE, as "
                "/debug/syncz has it",
            )
        return streams[-1].snapshot

    @app.get("/debug/list")
    async def listed() -> list[str]:
        return [f"/debug/{each}" for each in PAGES]

    @app.get("/debug/syncz")
    async def synced() -> list[dict[str, Any]]:
        return [syncz(each) for each in connections.all()]

    @app.get("/debug/adsz")
    async def asking() -> dict[str, Any]:
        clients = [adsz(each) for each in connections.all()]
        return {"totalClients": len(clients), "clients": clients}

    @app.get("/debug/configz")
    async def configured() -> Response:
        return Response(configz(mesh.value), media_type="application/json")

    @app.get("/debug/endpointz")
    async def endpoints(proxyID: str) -> list[dict[str, Any]]:  # noqa: N803 - Istio's
        return endpointz(held(proxyID))

    @app.get("/debug/config_dump")
    async def dumped(proxyID: str) -> dict[str, Any]:  # noqa: N803 - Istio's
        return config_dump(held(proxyID))
