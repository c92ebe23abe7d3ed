"""F-42, F-43: proxies of one workload die and come back, and nobody else notices.

The whole control plane is dead meanwhile: what comes back has only its own disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from http import HTTPStatus
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
OTHERS = ("steady", "still")
"""Who serve, call each other, and are called by a third."""
NAMES = ("frail", *OTHERS)
MESH = "".join(SERVICE.format(name=each) for each in NAMES)
FLOWS = (("caller", "steady"), ("caller", "still"), OTHERS, OTHERS[::-1])
AT_LEAST = 10
"""Requests of each flow while something dies and comes back."""
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
    return found.text if found.status_code == HTTPStatus.OK else str(found)


class Mesh:
    """A workload that dies, two others, and a caller of all."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.to_frail = local()
        self.doors = {each: local() for each in FLOWS}
        self.seen = {each: Counter[str]() for each in FLOWS}

    async def join(self, mesh: Plane, role: Role) -> Member:
        token = await mesh.office.token(role.service)
        context = member(mesh, self.folder, role, token)
        return await asyncio.to_thread(self.stack.enter_context, context)

    async def serve(self, mesh: Plane, name: str) -> Member:
        shop = self.stack.enter_context(open_shop(name))
        app = Address("127.0.0.1", shop.server_port)
        door = ("http", 8080)
        return await self.join(mesh, Role(name, name, door, app, self.ways(name)))

    def ways(self, caller: str) -> dict[str, Address]:
        """Return where a caller's proxy takes what is for each service it calls."""
        return {
            f"{called}.default.svc.cluster.local:8080": door
            for (who, called), door in self.doors.items()
            if who == caller
        }

    async def frail_answers(self) -> bool:
        return await answer(self.to_frail, "frail") == "frail"

    async def others_answer(self) -> bool:
        found = [await answer(door, flow[1]) for flow, door in self.doors.items()]
        return found == [called for _, called in FLOWS]

    async def load(self, flow: tuple[str, str]) -> None:
        """Have one call the other, again and again."""
        while True:
            self.seen[flow][await answer(self.doors[flow], flow[1])] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def asked_throughout(self, before: dict[tuple[str, str], int]) -> None:
        """Return when every flow went on; none stands still without being noticed."""
        await until(
            lambda: all(
                self.seen[flow].total() >= count + AT_LEAST
                for flow, count in before.items()
            ),
            seconds=BACK_SECONDS,
        )


@contextlib.asynccontextmanager
async def orphaned(folder: Path) -> AsyncIterator[tuple[Mesh, Member]]:
    """Have a mesh whose control plane was there, and is dead."""
    with contextlib.ExitStack() as stack:
        made = Mesh(folder, stack)
        galley = {"GALLEY_TRUST_BUNDLE_FILE": str(folder / "state" / "root-cert.pem")}
        async with plane(folder, galley) as mesh:
            await mesh.apply(MESH)
            frail = await made.serve(mesh, "frail")
            for name in OTHERS:
                await made.serve(mesh, name)
            upstreams = {
                "frail.default.svc.cluster.local:8080": made.to_frail,
                **made.ways("caller"),
            }
            await made.join(mesh, Role("caller", "caller", upstreams=upstreams))
            await eventually(made.frail_answers)
            await eventually(made.others_answer)
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
        loads = [tasks.create_task(made.load(each)) for each in FLOWS]
        for turn in range(restarts):
            part, back = ("agent", agent_back) if turn % 2 else ("envoy", envoy_back)
            before = {flow: each.total() for flow, each in made.seen.items()}
            begun = time.perf_counter()
            await back(made, frail)
            took[part].append(time.perf_counter() - begun)
            await made.asked_throughout(before)
        for each in loads:
            each.cancel()
    middle = {part: sorted(each)[len(each) // 2] for part, each in took.items()}
    longest = {part: max(each) for part, each in took.items()}
    log.info("storm", middle=middle, longest=longest, others=made.seen)
    for (_, called), answers in made.seen.items():
        assert set(answers) == {called}, "every request to others was answered by 200"


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
