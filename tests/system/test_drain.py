"""What goes on through a proxy outlives its neighbours' restarts, and its own drain."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.testkit.agents import local
from meltemi.testkit.members import Member, Role, member
from meltemi.testkit.plane import plane
from meltemi.testkit.streams import Stream, Streams, serving
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.runtime.settings import Address
    from meltemi.testkit.plane import Plane

pytestmark = pytest.mark.system

STEADY, BYTES = "steady.default.svc.cluster.local", "bytes.default.svc.cluster.local"
SERVICE = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {app}}}
spec:
  hosts: [{app}.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: {port}, name: {protocol}, protocol: {protocol}}}]
  workloadSelector: {{labels: {{app: {app}}}}}
"""
STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""
MESH = (
    STRICT
    + SERVICE.format(app="steady", port=8080, protocol="HTTP")
    + SERVICE.format(app="bytes", port=9000, protocol="TCP")
)
LONG = {
    "DRAIN_SECONDS": "60",
    "EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true",
    "MINIMUM_DRAIN_SECONDS": "0.5",
}
SHORT = {"DRAIN_SECONDS": "2"}


class Scene:
    """A caller, and applications that others call through their proxies."""

    def __init__(self, mesh: Plane, folder: Path) -> None:
        self.mesh, self.folder = mesh, folder
        self.http, self.tcp = local(), local()
        self.to_steady, self.to_bytes = local(), local()
        self.streams = Streams()
        self.stack = contextlib.ExitStack()

    async def join(self, role: Role) -> Member:
        """Start a workload; it stays till the end of the test."""
        token = await self.mesh.office.token(role.service)
        context = member(self.mesh, self.folder, role, token)
        return await asyncio.to_thread(self.stack.enter_context, context)

    async def steady(self, name: str, more: dict[str, str]) -> Member:
        return await self.join(
            Role(name, "steady", ("HTTP", 8080), self.http, more=more)
        )

    async def bytes(self, name: str, more: dict[str, str]) -> Member:
        return await self.join(Role(name, "bytes", ("TCP", 9000), self.tcp, more=more))

    async def caller(self) -> Member:
        upstreams = {f"{STEADY}:8080": self.to_steady, f"{BYTES}:9000": self.to_bytes}
        return await self.join(Role("caller", "caller", upstreams=upstreams))

    async def entries(self) -> set[str]:
        path = "/apis/networking.istio.io/v1/workloadentries"
        items = (await self.mesh.galley.get(path)).json()["items"]
        return {each["metadata"]["name"] for each in items}

    async def call(self) -> int:
        return await called(self.to_steady)

    async def is_called(self) -> bool:
        return await self.call() == 200


async def called(address: Address) -> int:
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:
        answer = await http.get(f"http://{address}/", headers={"host": STEADY})
    return int(answer.status_code)


@contextlib.asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    galley = {"GALLEY_TRUST_BUNDLE_FILE": str(folder / "state" / "root-cert.pem")}
    async with plane(folder, galley) as mesh:
        await mesh.apply(MESH)
        made = Scene(mesh, folder)
        async with serving(made.streams, made.http, made.tcp):
            try:
                yield made
            finally:
                made.streams.finish.set()
                await asyncio.to_thread(made.stack.close)


class Talk:
    """A long request, a WebSocket and bytes, through two proxies each."""

    def __init__(self, request: Stream, socket: Stream, raw: Stream) -> None:
        self.request, self.socket, self.raw = request, socket, raw

    @classmethod
    async def begin(cls, scene: Scene) -> Talk:
        return cls(
            await Stream.request(scene.to_steady, STEADY),
            await Stream.websocket(scene.to_steady, STEADY),
            await Stream.tcp(scene.to_bytes),
        )

    async def goes_on(self) -> None:
        await self.request.more()
        await self.socket.exchange(b"ping")
        await self.raw.exchange(b"line\n")

    def end(self) -> None:
        for each in (self.request, self.socket, self.raw):
            each.close()


async def neighbours_come_and_go(made: Scene, talk: Talk, turn: int) -> None:
    """Have a replica of each service join, and end while it is called."""
    neighbours = [
        await made.steady(f"steady-2-{turn}", SHORT),
        await made.bytes(f"bytes-2-{turn}", SHORT),
    ]
    await talk.goes_on()
    for each in neighbours:
        each.terminate()
    answers = [await made.call() for _ in range(20)]
    assert answers == [200] * 20, "a neighbour that goes costs nothing"
    codes = [await asyncio.to_thread(each.ended, 10) for each in neighbours]
    assert codes == [0, 0]
    await talk.goes_on()


@pytest.mark.timeout(240)
async def test_6_streams_outlive_a_rolling_restart_of_neighbours_and_their_own_drain(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as made:
        own = [await made.steady("steady-1", LONG), await made.bytes("bytes-1", LONG)]
        await made.caller()
        await eventually(made.is_called)
        talk = await Talk.begin(made)
        await talk.goes_on()

        for turn in range(2):
            await neighbours_come_and_go(made, talk, turn)

        await made.steady("steady-3", SHORT)
        for each in own:
            each.terminate()
        await until(lambda: not any(each.readiness() == 200 for each in own))
        assert await made.entries() == {"steady-3"}, "they left first"
        assert [await made.call() for _ in range(20)] == [200] * 20
        begun = time.perf_counter()
        while time.perf_counter() - begun < 3:
            await talk.goes_on()
        assert all(each.is_running() for each in own), "they wait for who is there"

        made.streams.finish.set()
        assert (await talk.request.rest()).endswith(b"end\r\n0\r\n\r\n"), "it is whole"
        await talk.socket.exchange(b"bye")
        talk.end()
        for each in own:
            code = await asyncio.to_thread(each.ended, 10)
            assert code == 0, "long before the deadline"


async def test_the_deadline_holds_for_streams_that_do_not_end(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        own = await made.bytes("bytes-1", SHORT)
        await made.caller()
        raw = await Stream.tcp(made.to_bytes)
        await raw.exchange(b"line\n")
        begun = time.perf_counter()
        own.terminate()
        await until(lambda: own.readiness() == 503)
        await raw.exchange(b"still\n")
        assert await asyncio.to_thread(own.ended, 10) == 0
        assert 2 <= time.perf_counter() - begun < 6
        assert await raw.cut()


async def test_a_proxy_that_was_drained_by_order_stays_until_it_is_ended(
    tmp_path: Path,
) -> None:
    """What a native sidecar's preStop hook asks for."""
    async with scene(tmp_path) as made:
        own = await made.bytes("bytes-1", LONG)
        await made.caller()
        raw = await Stream.tcp(made.to_bytes)
        await raw.exchange(b"line\n")
        assert await asyncio.to_thread(own.asked, "/drain", "POST") == 200
        assert own.readiness() == 503
        assert await made.entries() == set()
        await raw.exchange(b"still\n")
        assert await asyncio.to_thread(own.asked, "/quitquitquit", "POST") == 200
        assert await asyncio.to_thread(own.ended, 5) == 0
        assert await raw.cut()
