"""Virtual hosts that travel by themselves: the same answers, and fewer bytes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import httpx2
import pytest

from meltemi.testkit.fetching_envoy import FetchingEnvoy, fetching_envoy, said
from meltemi.testkit.pilots import PilotAlone
from meltemi.testkit.processes import free_port
from meltemi.testkit.small_mesh import service, the
from meltemi.testkit.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

NODE: Final = "sidecar~10.1.0.1~web.default~default.svc.cluster.local"
OTHERS: Final = ("somebody.example", "added.example", "*", "a/b")
LOCAL: Final = "default.svc.cluster.local"
WAYS: Final = ("captured", "filtered", "proxied")
"""Tables put together of parts, tables of their own, and one for all ports."""


ADDED: Final = (
    "{name: added, domains: [added.example], routes: [{match: {prefix: /}, "
    "directResponse: {status: 203, body: {inlineString: four}}}]}"
)
MORE: Final = (
    "configPatches: ["
    f"{{applyTo: VIRTUAL_HOST, patch: {{operation: ADD, value: {ADDED}}}}}, "
    "{applyTo: HTTP_ROUTE, match: {routeConfiguration: {vhost: "
    f"{{name: 'ratings.{LOCAL}:*'}}}}}}, patch: {{operation: MERGE, "
    "value: {directResponse: {status: 299}}}}]"
)


def settings(more: str = "") -> str:
    """Return what holds for the whole mesh."""
    spec = "enableAutoMtls: false, outboundTrafficPolicy: {mode: REGISTRY_ONLY}"
    return the("MeshConfig", "default", spec + more, "istio-system")


def rule(name: str, body: str) -> str:
    """Return a VirtualService that has the service ``name`` answer ``body``."""
    answer = f"directResponse: {{status: 203, body: {{string: {body}}}}}"
    return the("VirtualService", name, f"hosts: [{name}], http: [{{{answer}}}]")


class Way:
    """How an Envoy gets requests: its node, the mesh, and the ports to ask."""

    def __init__(self, way: str) -> None:
        self.port, self.second = free_port(), free_port()
        ports = sorted({self.port, self.second})
        self.metadata: dict[str, Any] = {"NAMESPACE": "default"}
        if way == "proxied":
            where = {"http_proxy": f"127.0.0.1:{self.port}"}
            self.metadata["MELTEMI_EXPLICIT"] = where
            self.second, ports = self.port, [80]
        else:
            self.metadata["INTERCEPTION_MODE"] = "NONE"
        self.mesh = settings()
        spoken = [f"{port} http-{port} HTTP" for port in ports]
        self.more = service("later", *spoken)
        self.mesh += service("reviews", *spoken) + service("ratings", spoken[0])
        self.mesh += rule("reviews", "one") + rule("ratings", "two")
        if way == "filtered":
            self.mesh += the("EnvoyFilter", "more", MORE)

    async def answers(self) -> list[tuple[int, str]]:
        """Return what is answered to requests of every sort."""
        hosts = ("reviews", f"reviews.{LOCAL}", "ratings", "later", "REVIEWS")
        return [
            await said(port, host)
            for port in (self.port, self.second)
            for host in (*hosts, *OTHERS, f"reviews:{port}", f"{OTHERS[0]}:{port}")
        ]


async def says(port: int, host: str, body: str) -> bool:
    return (await said(port, host))[1] == body


async def sent(plane: PilotAlone, kind: str) -> int:
    """Return how many bytes of a type the Pilot has sent so far."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        page = await client.get(f"http://{plane.settings.http_address}/metrics")
    head = f'sent_bytes_total{{type="{kind}"}}'
    lines = (line for line in page.text.splitlines() if head in line)
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


async def story(
    plane: PilotAlone, way: Way, envoy: FetchingEnvoy
) -> AsyncIterator[list[tuple[int, str]]]:
    """Change the mesh step by step; yield what is answered after each."""
    yield await way.answers()
    before = [await sent(plane, kind) for kind in ("rds", "vhds")]
    await plane.write(rule("reviews", "changed"))
    await eventually(lambda: says(way.port, "reviews", "changed"))
    await eventually(lambda: says(way.second, "reviews", "changed"))
    yield await way.answers()
    apart = way.metadata["MELTEMI_VHDS"] == "true"
    after = [await sent(plane, kind) for kind in ("rds", "vhds")]
    assert (after[0] == before[0], after[1] > before[1]) == (apart, apart)
    await plane.write(way.more + rule("later", "three"))
    await eventually(lambda: says(way.second, "later", "three"))
    yield await way.answers()
    assert await envoy.counted("update_rejected") == 0


@pytest.mark.parametrize("name", WAYS)
async def test_a_request_is_answered_alike_however_hosts_travel(
    tmp_path: Path, name: str
) -> None:
    way, found = Way(name), dict[str, list[object]]()
    for number, apart in enumerate(("false", "true")):
        plane = PilotAlone()
        await plane.write(way.mesh)
        way.metadata["MELTEMI_VHDS"] = apart
        async with plane.running():
            port = plane.settings.xds_address.port
            log = tmp_path / f"{number}"
            async with fetching_envoy(log, port, NODE, way.metadata) as envoy:
                found[apart] = [each async for each in story(plane, way, envoy)]
    assert found["true"] == found["false"]
    bodies = {body for step in found["true"] for _, body in flat(step)}
    assert {"one", "two", "changed", "three"} <= bodies
    assert ("four" in bodies) == (name == "filtered")


def flat(step: object) -> Iterable[tuple[int, str]]:
    assert isinstance(step, list)
    yield from step


async def test_an_envoy_goes_on_as_it_began_whatever_the_mesh_says_later(
    tmp_path: Path,
) -> None:
    first, second = Way("proxied"), Way("proxied")
    plane = PilotAlone()
    port = plane.settings.xds_address.port
    await plane.write(first.mesh)
    async with AsyncExitStack() as stack:
        async with plane.running():
            old = fetching_envoy(tmp_path / "old", port, NODE, first.metadata)
            await stack.enter_async_context(old)
            assert await says(first.port, "reviews", "one")
        told = "{proxyMetadata: {ISTIO_META_MELTEMI_VHDS: 'true'}}"
        await plane.write(settings(f", defaultConfig: {told}"))
        async with plane.running():
            await plane.write(rule("reviews", "whole"))
            await eventually(lambda: says(first.port, "reviews", "whole"))
            assert await sent(plane, "vhds") == 0, "there would be no host for a while"
            new = fetching_envoy(tmp_path / "new", port, NODE, second.metadata)
            await stack.enter_async_context(new)
            assert await says(second.port, "reviews", "whole")
            assert await sent(plane, "vhds") > 0
        await plane.write(settings())
        async with plane.running():
            await plane.write(rule("reviews", "again"))
            await eventually(lambda: says(first.port, "reviews", "again"))
            await eventually(lambda: says(second.port, "reviews", "again"))
            assert await sent(plane, "vhds") > 0
            assert await says(second.port, "ratings", "two")


async def test_an_envoy_that_comes_back_is_sent_the_host_that_changed(
    tmp_path: Path,
) -> None:
    way, plane = Way("proxied"), PilotAlone()
    way.metadata["MELTEMI_VHDS"] = "true"
    port = plane.settings.xds_address.port
    await plane.write(way.mesh)
    async with AsyncExitStack() as stack:
        async with plane.running():
            envoy = fetching_envoy(tmp_path / "log", port, NODE, way.metadata)
            await stack.enter_async_context(envoy)
            assert await says(way.port, "reviews", "one")
            whole = await sent(plane, "vhds")
        await plane.write(rule("reviews", "changed"))
        async with plane.running():
            await eventually(lambda: says(way.port, "reviews", "changed"))
            assert await sent(plane, "rds") == 0
            assert 0 < await sent(plane, "vhds") < whole
            assert await says(way.port, "ratings", "two")
