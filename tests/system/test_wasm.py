"""Wasm modules out of a registry, from a WasmPlugin to a real Envoy that runs them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.kernel.backoff import Backoff
from meltemi.proxy.adapters import module_desk
from meltemi.proxy.settings import Explicit, ProxyType
from meltemi.testkit.agents import local, member_settings, running_agent
from meltemi.testkit.image_registry import PULLER, image_server
from meltemi.testkit.module import NOTHING
from meltemi.testkit.plane import plane
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.proxy.settings import AgentSettings
    from meltemi.runtime.settings import Address
    from meltemi.testkit.image_registry import ImageServer
    from meltemi.testkit.plane import Plane

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

MESH = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: ["*"]
  gateways: [web]
  http: [{directResponse: {status: 200, body: {string: hello}}}]
"""
PLUGIN = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: {name}, namespace: default}}
spec:
  selector: {{matchLabels: {{istio: ingressgateway}}}}
  url: {url}
  {more}
"""


@dataclass(frozen=True)
class Edge:
    """A gateway and where its modules are."""

    settings: AgentSettings
    address: Address
    images: ImageServer

    async def status(self) -> int:
        """Return what a client hears; 0: nothing."""
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as http:
            try:
                return (await http.get(f"http://{self.address}/")).status_code
            except httpx2.HTTPError:
                return 0

    async def says(self, status: int) -> None:
        """Wait until clients hear ``status``."""

        async def it_does() -> bool:
            return await self.status() == status

        await eventually(it_does, seconds=30)

    async def machines(self) -> int:
        """Return how many machines Envoy runs modules in."""
        async with httpx2.AsyncClient(trust_env=False) as http:
            url = f"http://{self.settings.admin_address}/stats?filter=wasm.*active"
            lines = (await http.get(url)).text.splitlines()
        return sum(int(line.rpartition(" ")[2]) for line in lines)

    async def runs_a_module(self) -> None:
        """Wait until Envoy does."""

        async def it_does() -> bool:
            return await self.machines() > 0

        await eventually(it_does)

    def plugin(self, more: str = "", *, name: str = "p", image: str = "m:v1") -> str:
        """Return a plugin of the gateway."""
        url = f"oci://{self.images.authority}/filters/{image}"
        return PLUGIN.format(name=name, url=url, more=more)


@asynccontextmanager
async def edge(mesh: Plane, folder: Path) -> AsyncIterator[Edge]:
    secrets = folder / "pull-secrets"
    secrets.mkdir()
    async with image_server(folder) as images:
        login = dict(zip(("username", "password"), PULLER, strict=True))
        config = json.dumps({"auths": {images.authority: login}})
        (secrets / "registry").write_text(config)
        address = local()
        settings = await member_settings(
            mesh,
            folder,
            labels={"istio": "ingressgateway"},
            proxy_type=ProxyType.ROUTER,
            explicit=Explicit(gateway={"80": address}),
            wasm_allowed_networks="127.0.0.0/8",
            wasm_ca_file=folder / "web-root.pem",
            wasm_pull_secrets=secrets,
        )
        await mesh.apply(MESH)
        yield Edge(settings, address, images)


async def told(mesh: Plane, words: str) -> None:
    """Wait until the plugin's status says whom ``words`` keep from having it."""

    async def it_does() -> bool:
        found = await mesh.status("WasmPlugin", "p")
        return words in found["Rejected"]["message"]

    await eventually(it_does, seconds=30)


async def test_t20_a_module_of_a_registry_runs_and_outlives_everybody(
    tmp_path: Path,
) -> None:
    async with plane(tmp_path) as mesh, edge(mesh, tmp_path) as web:
        web.images.guarded = True
        web.images.push_module("filters/m", "v1", NOTHING)
        async with running_agent(web.settings):
            await web.says(200)
            assert await web.machines() == 0
            await mesh.apply(web.plugin("imagePullSecret: registry"))
            await web.runs_a_module()
            await web.says(200)
            await told(mesh, "no proxy refuses it")

            await mesh.apply(
                web.plugin(f"imagePullSecret: registry\n  sha256: {'b' * 64}")
            )
            await told(mesh, "is not what was ordered")
            assert await web.status() == 200, "the module before stays"
            assert await web.machines() > 0
            await until((web.settings.run_dir / "xds.checkpoint").exists)
        settings = web.settings
    async with running_agent(settings):
        await web.says(200)
        await web.runs_a_module()


@pytest.mark.parametrize(
    ("strategy", "status"), [("FAIL_CLOSE", 403), ("FAIL_OPEN", 200)]
)
async def test_t20_a_missing_module_fails_as_it_says_until_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, status: int
) -> None:
    monkeypatch.setattr(module_desk, "AGAIN", Backoff(first=0.2, ceiling=0.2))
    async with (
        plane(tmp_path) as mesh,
        edge(mesh, tmp_path) as web,
        running_agent(web.settings),
    ):
        await web.says(200)
        await mesh.apply(web.plugin(f"failStrategy: {strategy}"))
        await told(mesh, "answered with 404")
        await web.says(status)
        assert await web.machines() == 0
        web.images.push_module("filters/m", "v1", NOTHING)
        await web.runs_a_module()
        await web.says(200)
        await told(mesh, "no proxy refuses it")
