"""A Galley, put together."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from meltemi.config.trust_domains import MeshDomains, mesh_config_place
from meltemi.galley.absence import Kept
from meltemi.galley.adapters.access_book import AccessBook
from meltemi.galley.adapters.app import galley_app
from meltemi.galley.adapters.callers import Callers
from meltemi.galley.adapters.decoding import Decoder
from meltemi.galley.adapters.directory import Directory
from meltemi.galley.adapters.galley import Galley
from meltemi.galley.adapters.key_keeper import KeyKeeper
from meltemi.galley.adapters.newcomers import Newcomers
from meltemi.galley.adapters.pilots import TIMEOUT_SECONDS, Pilots
from meltemi.galley.adapters.secret_book import SecretBook
from meltemi.galley.adapters.token_book import TokenBook
from meltemi.galley.adapters.vigil import Vigil
from meltemi.galley.adapters.watching import Watches
from meltemi.galley.adapters.watchman import Watchman
from meltemi.galley.audit import Audit
from meltemi.galley.foresight import Foresight
from meltemi.galley.metrics import Metrics
from meltemi.galley.objects import Objects
from meltemi.galley.pruning import Pruning
from meltemi.galley.reads import Reads
from meltemi.galley.relay import Relay
from meltemi.galley.sight import Sight
from meltemi.galley.sweeping import Sweeping
from meltemi.runtime.http import serve_http
from meltemi.runtime.operations import Readiness, operations
from meltemi.store.following import follow

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from meltemi.bus.ports import Publisher
    from meltemi.galley.settings import GalleySettings
    from meltemi.galley.trail import Trail
    from meltemi.kernel.clock import Clock
    from meltemi.runtime.tracing import Tracing
    from meltemi.store.ports import LedgerWriter


@dataclass(frozen=True, slots=True)
class Clients:
    """Who asks others over HTTP: Pilots, and issuers of tokens for their keys."""

    pilots: httpx2.AsyncClient
    issuers: httpx2.AsyncClient


class GalleyService:
    """Joins the API, the ledger and the relay."""

    def __init__(
        self,
        settings: GalleySettings,
        ledger: LedgerWriter,
        bus: Publisher,
        clock: Clock,
        tracing: Tracing | None = None,
    ) -> None:
        self._settings, self._ledger, self._clock = settings, ledger, clock
        self._metrics = Metrics(_trail(tracing))
        self._relay = Relay(
            ledger,
            bus,
            self._metrics,
            mesh=settings.mesh,
            name=settings.name,
        )
        self._keys = KeyKeeper(ledger, settings.mesh, settings.key_policy, clock)
        self._keys.measure(self._metrics)
        self._relay.mirror.followers.append(self._keys.sources)
        self._domains = MeshDomains(settings.trust_domain)
        self._kept = Kept()
        self._relay.mirror.followers.append(self._kept)
        self._pruning = Pruning(ledger, settings.mesh)
        self._sweeping = Sweeping(ledger, settings.mesh, clock)

    async def run(
        self,
        stopping: asyncio.Event,
        *,
        around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        """Serve the API, with ``around`` it, and ring changes until ``stopping``."""
        async with (
            _client(self._settings.pilots_tls) as pilots,
            _client() as issuers,
            Decoder() as decoder,
            Audit(self._settings.audit_file) as audit,
            asyncio.TaskGroup() as tasks,
        ):
            galley = self._galley(Clients(pilots, issuers), decoder, audit, stopping)
            directory = self._directory(galley)
            app = galley_app(galley, directory)
            readiness = Readiness()
            readiness.check("ledger", self._unfollowed)
            readiness.check("directory", lambda: _unread(directory))
            registry = self._metrics.registry
            operations(app, service="galley", readiness=readiness, registry=registry)
            beside = [
                tasks.create_task(self._relay.run()),
                tasks.create_task(self._pruning.run()),
                tasks.create_task(self._sweeping.run()),
                tasks.create_task(follow(self._ledger, self._aliases, self._domains)),
                tasks.create_task(self._keys.run()),
                tasks.create_task(_sourced(directory)),
                tasks.create_task(Watchman(galley, self._kept).run()),
            ]
            address, tls = self._settings.http_address, self._settings.tls
            await serve_http(around(app), address, stopping=stopping, tls=tls)
            for each in beside:
                each.cancel()

    def _galley(
        self,
        clients: Clients,
        decoder: Decoder,
        audit: Audit,
        stopping: asyncio.Event,
    ) -> Galley:
        settings, ledger, mirror = self._settings, self._ledger, self._relay.mirror
        mesh, trail = settings.mesh, self._metrics.trail
        foresight = Foresight(settings.root_namespace)
        mirror.followers.append(foresight)
        tokens = TokenBook(ledger, mesh, self._clock)
        access = AccessBook(settings.access_file, self._clock, clients.issuers)
        callers = Callers(settings, tokens, access, self._clock, self._domains)
        reads = Reads(ledger, mirror, mesh, self._clock)
        return Galley(
            reads=reads,
            objects=Objects(ledger, Sight(mirror), self._pruning, mesh, trail),
            watches=Watches(reads, ledger, mesh, Vigil(callers), stopping),
            decoder=decoder,
            foresight=foresight,
            keys=self._keys,
            secrets=SecretBook(ledger, mesh, settings.sealing_key, self._clock),
            pilots=Pilots(
                ledger,
                mesh,
                clients.pilots,
                self._clock,
                secured=settings.pilots_tls is not None,
            ),
            newcomers=Newcomers(ledger, settings),
            callers=callers,
            tokens=tokens,
            audit=audit,
            metrics=self._metrics,
            clock=self._clock,
            new_uid=lambda: str(uuid.uuid4()),
            root_namespace=settings.root_namespace,
        )

    def _directory(self, galley: Galley) -> Directory | None:
        path = self._settings.config_dir
        return None if path is None else Directory(path, galley)

    @property
    def _aliases(self) -> str:
        settings = self._settings
        return mesh_config_place(settings.mesh, settings.root_namespace)

    def _unfollowed(self) -> str | None:
        if self._relay.following:
            return None
        return "the ledger does not answer: is etcd reachable?"


def _trail(tracing: Tracing | None) -> Trail | None:
    if tracing is None:
        return None
    from meltemi.galley.trail import Trail  # noqa: PLC0415 - who traces nothing loads nothing

    return Trail(tracing)


def _client(tls: ssl.SSLContext | None = None) -> httpx2.AsyncClient:
    """Return a client: no proxy of the environment stands between us and ours."""
    return httpx2.AsyncClient(
        timeout=TIMEOUT_SECONDS, trust_env=False, verify=True if tls is None else tls
    )


async def _sourced(directory: Directory | None) -> None:
    if directory is not None:
        await directory.run()


def _unread(directory: Directory | None) -> str | None:
    if directory is None or directory.looked:
        return None
    return "the directory was not held against the mesh yet"
