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
from prometheus_client import CollectorRegistry, Gauge

from meltemi.kernel.clock import SystemClock
from meltemi.proxy.adapters.checkpoint_file import CheckpointFile
from meltemi.proxy.adapters.dial import dial_plain, dial_with
from meltemi.proxy.adapters.envoy import EnvoyProcess, Surroundings
from meltemi.proxy.adapters.envoy_admin import EnvoyAdmin
from meltemi.proxy.adapters.envoy_binary import find_envoy
from meltemi.proxy.adapters.following import Pilots
from meltemi.proxy.adapters.jwt_api import JwtApi
from meltemi.proxy.adapters.jwt_source import JwtSource
from meltemi.proxy.adapters.name_service import NameService
from meltemi.proxy.adapters.registrar import Registrar
from meltemi.proxy.adapters.relay import Memory, XdsRelay
from meltemi.proxy.adapters.sds import SecretBoard, secret_service
from meltemi.proxy.adapters.secret_files import SecretFiles
from meltemi.proxy.adapters.sockets import private_folder, serving_sockets
from meltemi.proxy.adapters.status import status_app
from meltemi.proxy.adapters.trust import TrustFollower
from meltemi.proxy.adapters.workload_api import WorkloadApi
from meltemi.proxy.adapters.workload_door import WorkloadDoor
from meltemi.proxy.bootstrap import bootstrap, node_id, node_of
from meltemi.proxy.checkpoint import Recorder
from meltemi.proxy.envoy_argv import envoy_argv
from meltemi.proxy.ring import PilotRing
from meltemi.runtime.durable import replace_file
from meltemi.runtime.http import serve_http
from meltemi.runtime.operations import Readiness

if TYPE_CHECKING:
    from meltemi.identity.credential import Credential
    from meltemi.proxy.settings import AgentSettings


class Agent:
    """The parts of one agent."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
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
        self.keeper = settings.joining.keeper(identity, clock, rng)
        source = JwtSource(
            settings.joining.client(identity), lambda: self.keeper.held, clock
        )
        self.jwt_api = JwtApi(source, identity, door, clock)
        ring = PilotRing(settings.pilots, node)
        dial = dial_plain if settings.pilots_plaintext else dial_with(self.keeper)
        pilots = Pilots(ring, dial, ParseDict(node_of(settings), Node()), rng)
        self.trust = TrustFollower(pilots, self.keeper)
        self.names = NameService(settings, pilots, self._registry)
        self.relay = XdsRelay(
            ring,
            dial,
            Memory(self.recorder, self.checkpoint),
            rng,
            self._registry,
        )
        Gauge(
            "meltemi_agent_certificate_expiry_timestamp_seconds",
            "When the workload's certificate ends, in Unix time; 0 without one.",
            registry=self._registry,
        ).set_function(self._certificate_end)
        self.registrar = Registrar(settings, self.keeper, clock, rng)
        self.relay.served.append(self.registrar.reconnected)
        self.admin = EnvoyAdmin(settings.admin_address)
        self.envoy = self._envoy(Surroundings(clock, rng, self._registry))

    def _certificate_end(self) -> float:
        held = self.keeper.held
        return held.leaf.not_valid_after_utc.timestamp() if held else 0.0

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
        """Run until ``stopping``, then leave, drain and end Envoy, in that order."""
        readiness = Readiness()
        readiness.check("certificate", self.keeper.trouble)
        readiness.check("envoy", self.envoy.trouble)
        app = status_app(readiness, self.registrar.trouble, self._registry, self.admin)
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
                tasks.create_task(self.envoy.supervise()),
                tasks.create_task(self.envoy.watch()),
            ]
            tasks.create_task(
                serve_http(app, self._settings.status_address, stopping=ended)
            )
            await stopping.wait()
            await self.registrar.leave()
            await self.envoy.stop(self._settings.drain_seconds)
            ended.set()
            for part in parts:
                part.cancel()
        await self.admin.close()
