"""Beyond one machine Galley asks Pilots over TLS, and both show who they are."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx2
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from meltemi.galley.adapters.pilots import Pilots
from meltemi.kernel.clock import SystemClock
from meltemi.runtime.http import serve_http
from meltemi.runtime.settings import Address
from meltemi.runtime.tls import TlsFiles, client_context
from meltemi.store.ports import Write
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.processes import free_port
from meltemi.testkit.web_certificates import web_certificate, web_root

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.galley.absence import Presence


def files(folder: Path, name: str, root: str) -> tuple[Path, Path]:
    shown = web_certificate("127.0.0.1", signer=web_root(root))
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_text(shown.pem)
    key.write_text(shown.key_pem)
    return certificate, key


async def presence(folder: Path, asking: str) -> Presence | None:
    """Return what a Galley learns that has a certificate of the root ``asking``."""
    ca = folder / "ca.pem"
    ca.write_text(web_root("mesh").pem)
    address = Address("127.0.0.1", free_port())
    told = {"name": "pilot-0", "http": str(address), "xds": "127.0.0.1:1"}
    ledger = MemoryLedger()
    key = "/mesh/runtime/v1/default/pilots/pilot-0"
    await ledger.commit([Write(key, json.dumps(told).encode())])

    async def answer(_: object) -> JSONResponse:
        return JSONResponse({"connected": ["a.default"], "left": []})

    app = Starlette(routes=[Route("/api/v1/presence", answer)])
    tls = TlsFiles(*files(folder, "pilot", "mesh"), ca, mutual=True)
    context = client_context(ca, *files(folder, "galley", asking))
    stopping, started = asyncio.Event(), asyncio.Event()
    async with (
        asyncio.TaskGroup() as tasks,
        httpx2.AsyncClient(verify=context, trust_env=False) as client,
    ):
        tasks.create_task(
            serve_http(app, address, stopping=stopping, started=started, tls=tls)
        )
        await started.wait()
        pilots = Pilots(ledger, "default", client, SystemClock(), secured=True)
        found = await pilots.presence()
        stopping.set()
    return found


async def test_galley_learns_from_a_pilot_who_is_there(tmp_path: Path) -> None:
    found = await presence(tmp_path, "mesh")
    assert found is not None
    assert found.connected == ("a.default",)


async def test_who_has_no_certificate_of_theirs_learns_nothing(tmp_path: Path) -> None:
    assert await presence(tmp_path, "other") is None
