"""What fetches Wasm modules, of an agent in a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse, Resource
from google.protobuf.any_pb2 import Any as Packed
from prometheus_client import CollectorRegistry

from meltemi.pilot import emit, ir
from meltemi.proxy.adapters.module_desk import ModuleDesk
from meltemi.proxy.adapters.module_source import ModuleSource
from meltemi.proxy.adapters.module_store import ModuleStore
from meltemi.proxy.checkpoint import Recorder
from meltemi.proxy.wasm.rules import ModuleRules
from meltemi.runtime.dial_rule import networks
from meltemi.runtime.guarded_fetch import Guard
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from pathlib import Path

NODE = "sidecar~127.0.0.1~a.default~x"


def resource(
    module: ir.FetchedModule,
    *,
    name: str = "p",
    version: str = "1",
    failure: ir.Failure = ir.Failure.CLOSED,
) -> Resource:
    """Return what Pilot sends of a filter whose module is fetched."""
    made = ir.WasmFilter(name, f"default.{name}", module, failure=failure)
    body = Packed()
    body.Pack(emit.extension(ir.Extension(made, connections=False, origins=())))
    return Resource(name=name, version=version, resource=body)


def response(*resources: Resource, nonce: str = "1") -> DeltaDiscoveryResponse:
    """Return a response of Pilot's."""
    return DeltaDiscoveryResponse(
        type_url=TypeUrl.EXTENSION, nonce=nonce, resources=resources
    )


def rules(folder: Path) -> ModuleRules:
    """Return rules that believe the image server of ``folder``."""
    believed = folder / "web-root.pem"
    roots = believed.read_text() if believed.exists() else ""
    return ModuleRules(Guard(networks(("127.0.0.0/8",)), roots))


@dataclass
class Modules:
    """A desk and what is about it."""

    folder: Path
    recorder: Recorder = field(default_factory=lambda: Recorder(NODE, {}))
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    more: ModuleRules | None = None

    def desk(self) -> ModuleDesk:
        """Return a desk, which is to be opened."""
        store = ModuleStore(self.folder / "wasm")
        source = ModuleSource(self.more or rules(self.folder))
        rng = Random(1)  # noqa: S311 - a jitter
        return ModuleDesk(source, store, self.recorder, rng, self.registry)

    async def opened(self) -> ModuleDesk:
        """Return a desk that begins with what an earlier one kept."""
        made = self.desk()
        await made.open()
        return made

    def counted(self, result: str) -> float:
        """Return how many modules came so."""
        name = "meltemi_agent_wasm_modules_total"
        return self.registry.get_sample_value(name, {"result": result}) or 0.0
