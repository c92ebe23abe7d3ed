"""PyPI's ``spiffe``, an independent client, on the agent's socket."""

from __future__ import annotations

import asyncio
import queue
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
from spiffe import WorkloadApiClient, X509Source
from spiffe.spiffe_id.spiffe_id import TrustDomain

from meltemi.proxy.adapters import workload_door as module
from meltemi.proxy.adapters.sockets import private_folder, serving_sockets
from meltemi.proxy.adapters.workload_api import WorkloadApi
from meltemi.proxy.adapters.workload_door import WorkloadDoor
from meltemi.testkit.authority import REVIEWS, authority, credential
from meltemi.testkit.web_certificates import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest
    from cryptography.x509 import Certificate

    from meltemi.identity.credential import Credential


def fresh(trust_domain: str = "cluster.local") -> Credential:
    return credential(now=NOW, signer=authority(trust_domain, now=NOW))


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[WorkloadApi, str]]:
    private_folder(folder / "run")
    socket = folder / "run" / "sds.sock"
    api = WorkloadApi(WorkloadDoor())
    async with serving_sockets((api.handler(),), (socket,)):
        yield api, f"unix://{socket}"


async def test_an_independent_client_gets_its_identity_and_its_roots(
    tmp_path: Path,
) -> None:
    held = fresh()

    def fetch(address: str) -> None:
        with WorkloadApiClient(address) as client:
            svid = client.fetch_x509_svid()
            assert str(svid.spiffe_id) == str(REVIEWS)
            assert svid.leaf == held.leaf
            bundles = client.fetch_x509_bundles()
            bundle = bundles.get_bundle_for_trust_domain(TrustDomain("cluster.local"))
            assert bundle is not None
            assert bundle.x509_authorities == set(held.roots)

    async with served(tmp_path) as (api, address):
        await api.show(held)
        await asyncio.to_thread(fetch, address)


def leaf(source: X509Source) -> Certificate:
    return source.get_x509_context().default_svid.leaf


async def test_an_independent_client_sees_a_rotation(tmp_path: Path) -> None:
    first, second = fresh(), fresh()
    seen: queue.Queue[int] = queue.Queue()

    def watch(address: str) -> X509Source:
        source = X509Source(socket_path=address, timeout_in_seconds=10)
        source.subscribe_for_updates(
            lambda: seen.put(leaf(source).serial_number),
        )
        return source

    async with served(tmp_path) as (api, address):
        await api.show(first)
        source = await asyncio.to_thread(watch, address)
        assert leaf(source) == first.leaf
        await api.show(second)
        serial = await asyncio.to_thread(seen.get, timeout=10)
        assert serial == second.leaf.serial_number
        await asyncio.to_thread(source.close)


async def ask(address: str, *metadata: tuple[str, str]) -> grpc.StatusCode:
    path = address.replace("unix://", "unix:")
    async with grpc.aio.insecure_channel(path) as channel:
        method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            "/SpiffeWorkloadAPI/FetchX509SVID"
        )
        call = method(b"", metadata=metadata, timeout=10)
        try:
            answer = await call.read()
        except grpc.aio.AioRpcError as error:
            return error.code()
        call.cancel()
    assert isinstance(answer, bytes)
    return grpc.StatusCode.OK


async def test_without_the_security_header_nothing_is_answered(tmp_path: Path) -> None:
    async with served(tmp_path) as (api, address):
        assert await ask(address, ("workload.spiffe.io", "true")) is (
            grpc.StatusCode.UNAVAILABLE
        ), "there is no certificate yet"
        await api.show(fresh())
        for wrong in ((), (("workload.spiffe.io", "false"),)):
            assert await ask(address, *wrong) is grpc.StatusCode.INVALID_ARGUMENT
        right = await ask(address, ("workload.spiffe.io", "true"))
        assert right is grpc.StatusCode.OK


async def test_case_35_streams_are_bounded_and_free_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CALLS", 1)
    header = ("workload.spiffe.io", "true")
    async with served(tmp_path) as (api, address):
        await api.show(fresh())
        path = address.replace("unix://", "unix:")
        async with grpc.aio.insecure_channel(path) as channel:
            method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = (
                channel.unary_stream("/SpiffeWorkloadAPI/FetchX509Bundles")
            )
            call = method(b"", metadata=(header,))
            await call.read()
            assert await ask(address, header) is grpc.StatusCode.RESOURCE_EXHAUSTED
            call.cancel()
        async with asyncio.timeout(10):
            while await ask(address, header) is not grpc.StatusCode.OK:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
