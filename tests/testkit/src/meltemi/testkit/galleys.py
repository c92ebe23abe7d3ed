"""A Galley in one process: the ledger in memory, requests without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import httpx2

from meltemi.config.trust_domains import MeshDomains
from meltemi.galley.adapters.access_book import AccessBook
from meltemi.galley.adapters.app import galley_app
from meltemi.galley.adapters.callers import Callers
from meltemi.galley.adapters.decoding import Decoder
from meltemi.galley.adapters.galley import Galley
from meltemi.galley.adapters.key_keeper import KeyKeeper
from meltemi.galley.adapters.newcomers import Newcomers
from meltemi.galley.adapters.pilots import Pilots
from meltemi.galley.adapters.secret_book import SecretBook
from meltemi.galley.adapters.token_book import TokenBook
from meltemi.galley.adapters.vigil import Vigil
from meltemi.galley.adapters.watching import Watches
from meltemi.galley.audit import Audit
from meltemi.galley.foresight import Foresight
from meltemi.galley.metrics import Metrics
from meltemi.galley.mirror import Mirror
from meltemi.galley.objects import Objects
from meltemi.galley.pruning import Pruning
from meltemi.galley.reads import Reads
from meltemi.galley.settings import GalleySettings
from meltemi.galley.sight import Sight
from meltemi.identity.certificate import certificate_pem
from meltemi.runtime.http import serve_http
from meltemi.runtime.settings import Address, read_settings
from meltemi.testkit.authority import NOON, credential
from meltemi.testkit.fakes.clock import StillClock
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.processes import READY_SECONDS, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from starlette.types import ASGIApp


SILENCE = object()
"""The answer of a Pilot that hangs."""


@dataclass
class Api:
    """What a test talks to, and what it can change behind its back."""

    client: httpx2.AsyncClient
    ledger: MemoryLedger
    mirror: Mirror
    """What the relay would have seen; empty unless a test fills it."""
    clock: StillClock
    pilots: dict[str, object]
    """What Pilots answer: ``http://HOST:PORT/api/v1/VIEW`` to JSON."""
    app: ASGIApp
    pruning: Pruning
    watches: Watches
    galley: Galley


@contextlib.asynccontextmanager
async def galley_api(
    directory: Path, more: Mapping[str, str] | None = None, *, now: datetime = NOON
) -> AsyncIterator[Api]:
    """Serve Galley's API; the administrators' token is ``secret``.

    ``more`` are settings beside those that are needed (GALLEY_…).
    """
    clock, ledger, mirror = StillClock(now), MemoryLedger(), Mirror()
    tokens, pruning = TokenBook(ledger, "default", clock), Pruning(ledger, "default")
    stopping = asyncio.Event()
    answers, uids = dict[str, object](), count(1)
    async with (
        httpx2.AsyncClient(transport=_pilots(answers)) as outside,
        Decoder() as decoder,
        Audit(directory / "audit.jsonl") as audit,
    ):
        settings = _settings(directory, more or {})
        access = AccessBook(settings.access_file, clock, outside)
        domains = MeshDomains("cluster.local")
        callers = Callers(settings, tokens, access, clock, domains)
        foresight = Foresight(settings.root_namespace)
        mirror.followers.append(foresight)
        reads = Reads(ledger, mirror, "default", clock)
        galley = Galley(
            reads=reads,
            objects=Objects(ledger, Sight(mirror), pruning, "default"),
            watches=Watches(reads, ledger, "default", Vigil(callers), stopping),
            decoder=decoder,
            foresight=foresight,
            secrets=SecretBook(ledger, "default", settings.sealing_key, clock),
            keys=KeyKeeper(ledger, "default", settings.key_policy, clock),
            pilots=Pilots(ledger, "default", outside, clock),
            newcomers=Newcomers(ledger, settings),
            callers=callers,
            tokens=tokens,
            audit=audit,
            metrics=Metrics(),
            clock=clock,
            new_uid=lambda: f"uid-{next(uids)}",
        )
        app = galley_app(galley)
        async with _administrator(app) as client:
            known = (mirror, clock, answers, app, pruning, galley.watches, galley)
            yield Api(client, ledger, *known)


def _administrator(app: ASGIApp) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://galley",
        headers={"Authorization": "Bearer secret"},
    )


@contextlib.asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[Address]:
    """Serve ``app`` over a socket; yield where."""
    address = Address("127.0.0.1", free_port())
    stopping, started = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        serving = serve_http(app, address, stopping=stopping, started=started)
        tasks.create_task(serving)
        await started.wait()
        yield address
        stopping.set()


@contextlib.contextmanager
def galley_served(
    directory: Path, more: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve the same over a socket, from a thread; yield its URL."""
    address = Address("127.0.0.1", free_port())
    ready, loops = threading.Event(), list[asyncio.AbstractEventLoop]()
    stopping = asyncio.Event()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        started = asyncio.Event()
        async with galley_api(directory, more) as api, asyncio.TaskGroup() as tasks:
            serving = serve_http(api.app, address, stopping=stopping, started=started)
            tasks.create_task(serving)
            await started.wait()
            ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    if not ready.wait(READY_SECONDS):
        raise TimeoutError("Galley does not answer")
    try:
        yield f"http://{address}"
    finally:
        loops[0].call_soon_threadsafe(stopping.set)
        thread.join(READY_SECONDS)


def _settings(directory: Path, more: Mapping[str, str]) -> GalleySettings:
    token, bundle = directory / "token", directory / "bundle.pem"
    token.write_text("secret\n", encoding="ascii")
    bundle.write_text(certificate_pem(*credential().roots), encoding="ascii")
    return read_settings(
        GalleySettings,
        {
            "GALLEY_ETCD_ENDPOINTS": "127.0.0.1:1",
            "GALLEY_NATS_URL": "nats://127.0.0.1:1",
            "GALLEY_ADMIN_TOKEN_FILE": str(token),
            "GALLEY_TRUST_BUNDLE_FILE": str(bundle),
            **more,
        },
    )


def _pilots(answers: Mapping[str, object]) -> httpx2.MockTransport:
    def answer(request: httpx2.Request) -> httpx2.Response:
        url = str(request.url)
        if url not in answers:
            raise httpx2.ConnectError("nobody listens", request=request)
        if answers[url] is SILENCE:
            raise httpx2.ReadTimeout("no answer in time", request=request)
        return httpx2.Response(200, json=answers[url])

    return httpx2.MockTransport(answer)
