"""An application that is not well is not called, and is again when it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.pilot.settings import Carrier
from meltemi.runtime.settings import Address
from meltemi.testkit.agents import local
from meltemi.testkit.members import Role, member
from meltemi.testkit.plane import plane
from meltemi.testkit.shop import Shop, open_shop
from meltemi.testkit.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from meltemi.testkit.plane import Plane

pytestmark = pytest.mark.system

HOST = "shop.default.svc.cluster.local"
MESH = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop}
spec:
  hosts: [shop.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8080, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: shop}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: shops}
spec:
  template: {serviceAccount: shop}
  probe: {httpGet: {path: /health, port: 8080}, periodSeconds: 1, failureThreshold: 1}
"""
PROBE = {
    "httpGet": {"path": "/health", "port": 8080},
    "periodSeconds": 1,
    "failureThreshold": 1,
}


async def name_of(http: httpx2.AsyncClient, address: Address) -> str:
    """Return which shop answers; a status where none does."""
    answer = await http.get(f"http://{address}/name", headers={"host": HOST})
    return answer.text if answer.is_success else f"{answer.status_code}"


async def seconds_until(condition: Callable[[], Awaitable[bool]]) -> float:
    begun = time.perf_counter()
    await eventually(condition, seconds=10)
    return time.perf_counter() - begun


async def annotation(mesh: Plane, name: str) -> str:
    path = "/apis/networking.istio.io/v1/namespaces/default/workloadentries"
    answer = await mesh.galley.get(f"{path}/{name}")
    metadata = answer.json()["metadata"]
    return str(metadata["annotations"].get("proxy.meltemi.io/healthy"))


class Scene:
    """Two shops behind proxies, and a caller."""

    def __init__(self, mesh: Plane, folder: Path, stack: contextlib.ExitStack) -> None:
        self.mesh, self.folder, self.stack = mesh, folder, stack
        self.outbound = local()

    async def open(self, name: str, **more: str) -> Shop:
        shop = self.stack.enter_context(open_shop(name))
        app = Address("127.0.0.1", shop.server_port)
        role = Role(name, "shop", ("http", 8080), app, more=more)
        await self.join(role)
        return shop

    async def join(self, role: Role) -> None:
        token = await self.mesh.office.token(role.service)
        context = member(self.mesh, self.folder, role, token)
        await asyncio.to_thread(self.stack.enter_context, context)

    async def answering(self) -> set[str]:
        """Return who answered; one of two is passed over by chance once in 524,288."""
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as http:
            return {await name_of(http, self.outbound) for _ in range(20)}

    async def answer(self, *names: str) -> bool:
        return await self.answering() == set(names)


@pytest.mark.parametrize("carrier", Carrier)
async def test_an_endpoint_is_out_within_2_s_of_the_finding_and_back_when_well(
    tmp_path: Path, carrier: Carrier
) -> None:
    galley = {"GALLEY_TRUST_BUNDLE_FILE": str(tmp_path / "state" / "root-cert.pem")}
    pilot = {"PILOT_TRANSPORT": carrier.value}
    async with plane(tmp_path, galley, pilot) as mesh:
        await mesh.apply(MESH)
        with contextlib.ExitStack() as stack:
            made = Scene(mesh, tmp_path, stack)
            one = await made.open("one", HEALTH_PROBE=json.dumps(PROBE))
            two = await made.open("two", GROUP="shops")
            upstreams = {f"{HOST}:8080": made.outbound}
            await made.join(Role("caller", "caller", upstreams=upstreams))
            await seconds_until(lambda: made.answer("one", "two"))

            one.well = False
            # a probe a second, and two for all that follows
            assert await seconds_until(lambda: made.answer("two")) < 3
            assert await annotation(mesh, "one") == "False"
            assert await annotation(mesh, "two") == "True"
            one.well = True
            assert await seconds_until(lambda: made.answer("one", "two")) < 3

            two.well = False
            assert await seconds_until(lambda: made.answer("one")) < 3, "by its group"
            one.well = False
            assert await seconds_until(lambda: made.answer("503")) < 3, "none is well"
            one.well = two.well = True
            await seconds_until(lambda: made.answer("one", "two"))
