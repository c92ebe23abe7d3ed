"""One agent, put together from its settings.

keeper ─credential─▶ workload API ─▶ application
           │
           └▶ board ─────SDS─────▶ ┐
Pilot ◀────relay + checkpoint───▶ Envoy ◀─ supervised, watched, drained
  └──────names──────▶ DNS ◀────── application
Galley ◀─ registrar               ┘
"""

from __future__ import annotations

import asyncio
from random import Random, SystemRandom
from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import Node
from google.protobuf.json_format import ParseDict
from prometheus_client import CollectorRegistry

from meltemi.kernel.clock import SystemClock
from meltemi.proxy.adapters.app_metrics import AppMetrics
from meltemi.proxy.adapters.certificate_times import tell_times
from meltemi.proxy.adapters.checkpoint_file import CheckpointFile
from meltemi.proxy.adapters.departure import Departure, Drain
from meltemi.proxy.adapters.dial import dial_plain, dial_with
from meltemi.proxy.adapters.envoy import EnvoyProcess, Surroundings
from meltemi.proxy.adapters.envoy_admin import EnvoyAdmin
from meltemi.proxy.adapters.envoy_binary import find_envoy
from meltemi.proxy.adapters.following import Pilots
from meltemi.proxy.adapters.galley_door import GalleyDoor
from meltemi.proxy.adapters.group_probe import GroupProbe
from meltemi.proxy.adapters.health_watch import HealthWatch
from meltemi.proxy.adapters.jwt_api import JwtApi
from meltemi.proxy.adapters.jwt_source import JwtSource
from meltemi.proxy.adapters.module_desk import ModuleDesk
from meltemi.proxy.adapters.module_source import ModuleSource
from meltemi.proxy.adapters.module_store import ModuleStore
from meltemi.proxy.adapters.name_service import NameService
from meltemi.proxy.adapters.probing import Prober
from meltemi.proxy.adapters.registrar import Registrar
from meltemi.proxy.adapters.relay import Memory, XdsRelay
from meltemi.proxy.adapters.scraping import Scraping
from meltemi.proxy.adapters.sds import SecretBoard, secret_service
from meltemi.proxy.adapters.secret_files import SecretFiles
from meltemi.proxy.adapters.sockets import private_folder, serving_sockets
from meltemi.proxy.adapters.stats_reporter import StatsReporter
from meltemi.proxy.adapters.status import Sources, ready_app, status_app
from meltemi.proxy.adapters.trust import TrustFollower
from meltemi.proxy.adapters.workload_api import WorkloadApi
from meltemi.proxy.adapters.workload_door import WorkloadDoor
from meltemi.proxy.bootstrap import bootstrap, node_id, node_of
from meltemi.proxy.checkpoint import Recorder
from meltemi.proxy.envoy_argv import envoy_argv
from meltemi.proxy.health.probe import places
from meltemi.proxy.ring import PilotRing
from meltemi.proxy.settings import ProxyType
from meltemi.runtime.durable import replace_file
from meltemi.runtime.http import serve_http
from meltemi.runtime.operations import Readiness

if TYPE_CHECKING:
    from meltemi.config.schema.workload_group import ReadinessProbe
    from meltemi.credentials.keeper import Keeper
    from meltemi.identity.credential import Credential
    from meltemi.proxy.adapters.starting import Starting
    from meltemi.proxy.settings import AgentSettings


class Agent:
    """The parts of one agent."""

    def __init__(
        self,
        settings: AgentSettings,
        keeper: Keeper | None = None,
        starting: Starting | None = None,
    ) -> None:
        """Make one of ``settings``, and of what has been asked for it already."""
        self._settings, self.starting = settings, starting
        self._registry = CollectorRegistry()
        private_folder(settings.run_dir)
        rng: Random = SystemRandom()
        clock, node = SystemClock(), node_id(settings)
        self.checkpoint = CheckpointFile(settings.run_dir, self._registry)
        self.recorder = Recorder(node, self.checkpoint.load(node).types)
        files = SecretFiles(settings.file_roots)
        self.board = SecretBoard(files, self._registry)
        door, identity = WorkloadDoor(), settings.identity
        self.workload_api = WorkloadApi(door)
        self.keeper = keeper or settings.joining.keeper(identity, clock, rng)
        citadel = settings.joining.client(identity)
        tokens = JwtSource(citadel, lambda: self.keeper.held, clock)
        self.jwt_api = JwtApi(tokens, identity, door, clock)
        ring = PilotRing(settings.pilots, node)
        dial = dial_plain if settings.pilots_plaintext else dial_with(self.keeper)
        pilots = Pilots(ring, dial, ParseDict(node_of(settings), Node()), rng)
        self.trust = TrustFollower(pilots, self.keeper)
        self.names = NameService(settings, pilots, self._registry)
        self.modules = self._modules(rng)
        memory = Memory(self.recorder, self.checkpoint, self.modules)
        self.relay = XdsRelay(ring, dial, memory, rng, self._registry)
        galley = GalleyDoor(settings, self.keeper, clock)
        self.registrar = Registrar(settings, galley, rng)
        self.relay.served.append(self.registrar.reconnected)
        self.admin = EnvoyAdmin(settings.admin_address)
        self.envoy = self._envoy(Surroundings(clock, rng, self._registry))
        drain = drain_of(settings)
        self.departure = Departure(drain, self.envoy, self.admin, self.registrar, clock)
        self.prober = Prober(places(settings.explicit.apps))
        self.health = self._health(galley)
        self._count(pilots)

    def _count(self, pilots: Pilots) -> None:
        """Make what serves numbers, and what tells them."""
        settings, registry = self._settings, self._registry
        tell_times(lambda: self.keeper.held, registry)
        metrics = AppMetrics(settings.app_metrics) if settings.app_metrics else None
        self.scraping = Scraping(self.admin, registry, metrics)
        self.stats = StatsReporter(self.admin, pilots, registry)
        if self.starting:
            self.starting.measure(registry)

    def _modules(self, rng: Random) -> ModuleDesk:
        """Return what fetches Wasm modules and keeps them."""
        settings = self._settings
        store = ModuleStore(settings.run_dir / "wasm", settings.wasm_kept_bytes)
        source = ModuleSource(settings.wasm_rules(settings.proxy_mark))
        return ModuleDesk(source, store, self.recorder, rng, self._registry)

    def _health(self, galley: GalleyDoor) -> HealthWatch | None:
        """Return what watches the application, if there is whom to tell of it."""
        settings, registrar = self._settings, self.registrar
        by: ReadinessProbe | GroupProbe | None = settings.health_probe
        if by is None and settings.group:
            by = GroupProbe(settings, galley)
        if by is None or not settings.galley_url:
            return None
        registrar.await_finding()
        made = HealthWatch(by, self.prober, registrar.report, self._registry)
        made.proxy = self.envoy.trouble
        return made

    def _envoy(self, around: Surroundings) -> EnvoyProcess:
        file = self._settings.run_dir.absolute() / "envoy.json"
        replace_file(file, bootstrap(self._settings).encode())
        binary = find_envoy(self._settings.envoy_path)
        return EnvoyProcess(
            envoy_argv(binary, file, self._settings), self.admin, around
        )

    async def _show(self, credential: Credential) -> None:
        """Serve ``credential`` to Envoy and to the application."""
        await self.board.show(credential)
        await self.workload_api.show(credential)

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until ``stopping``, then go as `Departure` says, and end Envoy."""
        await self.modules.open()
        sockets = serving_sockets(
            (
                self.relay.handler(),
                secret_service(self.board),
                self.workload_api.handler(),
                self.jwt_api.handler(),
            ),
            (self._settings.xds_socket, self._settings.sds_socket),
        )
        ended = asyncio.Event()
        async with sockets, asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(self.keeper.keep(self._show)),
                tasks.create_task(self.checkpoint.follow(self.recorder)),
                tasks.create_task(self.registrar.keep()),
                tasks.create_task(self.trust.follow()),
                tasks.create_task(self.names.run()),
                tasks.create_task(self.stats.run()),
                tasks.create_task(self.envoy.supervise()),
                tasks.create_task(self.envoy.watch()),
            ]
            if self.health:
                parts.append(tasks.create_task(self.health.watch()))
            if self.starting:
                comparing = self.starting.compare(SystemRandom())
                parts.append(tasks.create_task(comparing))
            tasks.create_task(self._serve(stopping, ended))
            await stopping.wait()
            await self.departure.go()
            ended.set()
            await self.envoy.stop()
            for part in parts:
                part.cancel()
        await self.admin.close()
        await self.prober.close()
        await self.scraping.close()

    async def _serve(self, stopping: asyncio.Event, ended: asyncio.Event) -> None:
        """Answer over HTTP until ``ended``; who orders us to quit sets ``stopping``."""

        async def stop() -> None:
            stopping.set()

        settings, readiness = self._settings, Readiness()
        readiness.check("certificate", self.keeper.trouble)
        readiness.check("envoy", self.envoy.trouble)
        readiness.check("shutdown", self.departure.trouble)
        sources = Sources(
            readiness,
            self.registrar.trouble,
            self.scraping,
            settings.app_probes,
            self.prober,
            self.starting.outdated if self.starting else None,
        )
        orders = {"/quitquitquit": stop, "/drain": self.departure.drain}
        app = status_app(sources, self._registry, orders)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve_http(app, settings.status_address, stopping=ended))
            if settings.ready_address:
                far = ready_app(readiness)
                tasks.create_task(
                    serve_http(far, settings.ready_address, stopping=ended)
                )


def drain_of(settings: AgentSettings) -> Drain:
    """Return how long a proxy's connections may take, by its settings."""
    return Drain(
        longest=settings.drain_seconds,
        until_idle=settings.exit_on_zero_active_connections,
        shortest=settings.minimum_drain_seconds,
        inbound_only=settings.proxy_type is ProxyType.SIDECAR,
    )
