"""A Pilot, put together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meltemi.config.key_sets import keys_prefix
from meltemi.config.schema.mesh_config import (
    AccessLogEncoding,
    DefaultProviders,
)
from meltemi.config.schema.mesh_config import (
    MeshConfig as MeshDocument,
)
from meltemi.config.trust_domains import MeshDomains, mesh_config_place
from meltemi.identity.denials import Denials, denied_prefix
from meltemi.identity.trust import trust_key
from meltemi.pilot.adapters.ads import Discovery, Trust
from meltemi.pilot.adapters.announcement import announce
from meltemi.pilot.adapters.debug_pages import debug_pages
from meltemi.pilot.adapters.door import Door
from meltemi.pilot.adapters.http_views import views
from meltemi.pilot.adapters.secure_port import secure_port
from meltemi.pilot.adapters.stats_desk import StatsDesk
from meltemi.pilot.adapters.transport import transport
from meltemi.pilot.adapters.trust_streams import TrustStreams
from meltemi.pilot.connections import Connections
from meltemi.pilot.foreign_bundles import ForeignBundles
from meltemi.pilot.ingest import Ingest, Rhythm, Sources
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.federation import federation
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig, over_defaults
from meltemi.pilot.push import Snapshots
from meltemi.pilot.stats.book import Book
from meltemi.pilot.translate.telemetry.log_format import EXPLAINING
from meltemi.runtime.admin_token import AdminToken
from meltemi.runtime.http import serve_http
from meltemi.runtime.loop_lag import watch_lag
from meltemi.runtime.operations import Readiness, operations
from meltemi.store.following import follow

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from random import Random

    import grpc

    from meltemi.kernel.clock import Clock
    from meltemi.pilot.adapters.call import Handlers
    from meltemi.pilot.settings import PilotSettings
    from meltemi.pilot.trail import Trail
    from meltemi.pilot.upstream import Upstream
    from meltemi.runtime.tracing import Tracing


class Pilot:
    """Joins the ledger, the bell, the streams and the views."""

    def __init__(
        self,
        settings: PilotSettings,
        upstream: Upstream,
        clock: Clock,
        rng: Random,
        tracing: Tracing | None = None,
    ) -> None:
        self._settings, self._upstream = settings, upstream
        self._metrics = Metrics(_trail(tracing), clock)
        mesh = self._mesh = Latest(Mesh())
        self._connections = Connections(settings.name, clock)
        self._trust = TrustStreams()
        self._ingest = Ingest(
            Sources(upstream.ledger, upstream.bus, settings.mesh, settings.sealing_key),
            mesh,
            Rhythm(settings.heartbeat_silence, settings.anti_entropy),
            rng,
            self._metrics,
        )
        self._denials = Denials()
        self._domains = MeshDomains(settings.trust_domain, self._federate)
        self._bundles = ForeignBundles(self._federate)
        door = Door(self._denials, self._domains)
        admins = settings.admin_token_file
        self._discovery = Discovery(
            mesh,
            Snapshots(mesh, _defaults(settings), clock, self._metrics),
            self._connections,
            Trust(door, self._trust, AdminToken(admins) if admins else None),
        )
        self._book = Book(clock)
        self._stats = StatsDesk(self._book, door)
        self._metrics.edges(self._book.ring)
        self._metrics.distribution(self._connections)
        self._secure = secure_port(settings, self._trust.bundle, clock, rng)

    async def run(
        self, new_server: Callable[[], grpc.aio.Server], stopping: asyncio.Event
    ) -> None:
        """Serve proxies on servers of gRPC, and views over HTTP, until ``stopping``."""
        app = views(self._connections, self._book)
        debug_pages(app, self._mesh, self._connections)
        readiness = Readiness()
        readiness.check("configuration", self._unread)
        if self._secure:
            readiness.check("certificate", self._secure.trouble)
        operations(
            app,
            service="pilot",
            readiness=readiness,
            registry=self._metrics.registry,
        )
        carried = transport(self._settings.transport, self._handlers, new_server)
        address, tls = self._settings.http_address, self._settings.http_tls
        async with (
            asyncio.TaskGroup() as tasks,
            carried.plain(self._settings.xds_address),
        ):
            background = [tasks.create_task(each) for each in self._work()]
            if self._secure:
                background.append(tasks.create_task(self._secure.serve(carried)))
            await serve_http(app, address, stopping=stopping, tls=tls)
            for task in background:
                task.cancel()

    def _work(self) -> tuple[Coroutine[None, None, None], ...]:
        """Return what runs beside serving, as long as Pilot does."""
        ledger, mesh = self._upstream.ledger, self._settings.mesh
        root, book = self._settings.root_namespace, self._upstream.announcing
        told = (announce(book, self._settings, self._trust.held),) if book else ()
        return (
            *told,
            self._ingest.run(),
            follow(ledger, denied_prefix(mesh), self._denials),
            follow(ledger, trust_key(mesh), self._trust),
            follow(ledger, mesh_config_place(mesh, root), self._domains),
            follow(ledger, keys_prefix(mesh), self._bundles),
            watch_lag(self._metrics.loop_lag_seconds.observe),
        )

    @property
    def _handlers(self) -> Handlers:
        return {**self._discovery.handlers, **self._stats.handlers}

    def _federate(self) -> None:
        """Have every agent believe whom MeshConfig names."""
        domains, bundles = self._domains, self._bundles
        if domains.known and bundles.known:
            self._trust.federate(
                federation(domains.now, domains.authorities, bundles.by_url)
            )

    def _unread(self) -> str | None:
        if self._ingest.ready:
            return None
        return self._upstream.lacking()


def _trail(tracing: Tracing | None) -> Trail | None:
    if tracing is None:
        return None
    from meltemi.pilot.trail import Trail  # noqa: PLC0415 - who traces nothing loads nothing

    return Trail(tracing)


def _defaults(settings: PilotSettings) -> MeshConfig:
    """Return what holds where the mesh's MeshConfig does not say."""
    counting = settings.metrics_provider
    told = MeshDocument(
        trust_domain=settings.trust_domain,
        root_namespace=settings.root_namespace,
        access_log_file=settings.access_log_file,
        access_log_encoding=AccessLogEncoding.JSON,
        access_log_format=EXPLAINING,
        default_providers=DefaultProviders(metrics=(counting,)) if counting else None,
    )
    return MeshConfig(over_defaults(told), settings.domain_suffix, settings.features)
