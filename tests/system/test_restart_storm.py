"""F-42, F-43: proxies of one workload die and come back, and nobody else notices.

The whole control plane is dead meanwhile: what comes back has only its own disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING

import httpx2
import psutil
import pytest
import structlog

from meltemi.runtime.settings import Address
from meltemi.testkit.agents import local
from meltemi.testkit.members import Member, Role, member
from meltemi.testkit.plane import plane
from meltemi.testkit.processes import accepts
from meltemi.testkit.shop import open_shop
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.testkit.plane import Plane

log = structlog.get_logger()
pytestmark = pytest.mark.system

SERVICE = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}}}
spec:
  hosts: [{name}.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 8080, name: http, protocol: HTTP}}]
  workloadSelector: {{labels: {{app: {name}}}}}
"""
MESH = SERVICE.format(name="frail") + SERVICE.format(name="steady")
BACK_SECONDS = 15.0
"""For two cores that others use as well; what it took is logged."""
PAUSE_SECONDS = 0.01


async def answer(address: Address, name: str) -> str:
    """Return what the service says; a status or an error where it does not."""
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as http:
            host = {"host": f"{name}.default.svc.cluster.local"}
            found = await http.get(f"http://{address}/name", headers=host)
    except httpx2.HTTPError as error:
        return repr(error)
    return found.text if found.is_success else f"{found.status_code}"


class Mesh:
    """A workload that dies, another, and a caller of both."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.to_frail, self.to_steady = local(), local()
        self.seen = Counter[str]()

    async def join(self, mesh: Plane, role: Role) -> Member:
        token = await mesh.office.token(role.service)
        context = member(mesh, self.folder, role, token)
        return await asyncio.to_thread(self.stack.enter_context, context)

    async def serve(self, mesh: Plane, name: str) -> Member:
        shop = self.stack.enter_context(open_shop(name))
        app = Address("127.0.0.1", shop.server_port)
        return await self.join(mesh, Role(name, name, ("http", 8080), app))

    async def frail_answers(self) -> bool:
        return await answer(self.to_frail, "frail") == "frail"

    async def steady_answers(self) -> bool:
        return await answer(self.to_steady, "steady") == "steady"

    async def load(self) -> None:
        """Call the steady one, again and again."""
        while True:
            self.seen[await answer(self.to_steady, "steady")] += 1
            await asyncio.sleep(PAUSE_SECONDS)


@contextlib.asynccontextmanager
async def orphaned(folder: Path) -> AsyncIterator[tuple[Mesh, Member]]:
    """Have a mesh whose control plane was there, and is dead."""
    with contextlib.ExitStack() as stack:
        made = Mesh(folder, stack)
        galley = {"GALLEY_TRUST_BUNDLE_FILE": str(folder / "state" / "root-cert.pem")}
        async with plane(folder, galley) as mesh:
            await mesh.apply(MESH)
            frail = await made.serve(mesh, "frail")
            await made.serve(mesh, "steady")
            upstreams = {
                "frail.default.svc.cluster.local:8080": made.to_frail,
                "steady.default.svc.cluster.local:8080": made.to_steady,
            }
            await made.join(mesh, Role("caller", "caller", upstreams=upstreams))
            await eventually(made.frail_answers)
            await eventually(made.steady_answers)
            await until((frail.folder / "run" / "xds.checkpoint").exists)
            dead = mesh.pilot.port
        await until(lambda: not accepts(dead))
        yield made, frail


async def envoy_back(made: Mesh, frail: Member) -> None:
    """Kill Envoy, and see another one serve."""
    before = frail.envoy
    frail.kill_envoy()
    await until(lambda: frail.envoy not in (0, before), seconds=BACK_SECONDS)
    await eventually(made.frail_answers, seconds=BACK_SECONDS)


async def agent_back(made: Mesh, frail: Member) -> None:
    """Kill the agent, see its Envoy end with it, start the agent, see it serve."""
    before = frail.envoy
    frail.kill_agent()
    await until(lambda: not psutil.pid_exists(before), seconds=BACK_SECONDS)
    frail.program.ready = lambda: frail.readiness() == 200
    await asyncio.to_thread(frail.program.start)
    await eventually(made.frail_answers, seconds=BACK_SECONDS)


async def storm(folder: Path, restarts: int) -> None:
    took: dict[str, list[float]] = {"envoy": [], "agent": []}
    async with orphaned(folder) as (made, frail), asyncio.TaskGroup() as tasks:
        load = tasks.create_task(made.load())
        for turn in range(restarts):
            part, back = ("agent", agent_back) if turn % 2 else ("envoy", envoy_back)
            begun = time.perf_counter()
            await back(made, frail)
            took[part].append(time.perf_counter() - begun)
        load.cancel()
    middle = {part: sorted(each)[len(each) // 2] for part, each in took.items()}
    longest = {part: max(each) for part, each in took.items()}
    log.info("storm", middle=middle, longest=longest, others=dict(made.seen))
    assert set(made.seen) == {"steady"}, "no request to others failed"
    assert made.seen["steady"] > restarts


@pytest.mark.timeout(240)
async def test_5_others_do_not_notice_and_the_last_configuration_is_back(
    tmp_path: Path,
) -> None:
    await storm(tmp_path, 6)


@pytest.mark.full
@pytest.mark.timeout(1800)
async def test_5_f_43_a_hundred_restarts_with_the_control_plane_dead(
    tmp_path: Path,
) -> None:
    await storm(tmp_path, 100)
