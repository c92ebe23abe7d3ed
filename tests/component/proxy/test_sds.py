from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.service.discovery.v3.discovery_pb2 import (
    DiscoveryRequest,
    DiscoveryResponse,
)
from prometheus_client import CollectorRegistry

from meltemi.citadel.issue import create_root
from meltemi.identity.keys import new_key
from meltemi.proxy.adapters import sds
from meltemi.proxy.adapters.sds import SERVICE, SecretBoard, secret_service
from meltemi.proxy.adapters.secret_files import SecretFiles
from meltemi.proxy.adapters.sockets import private_folder, serving_sockets
from meltemi.proxy.secrets import DEFAULT, ROOTCA
from meltemi.testkit.authority import NOON, REVIEWS, credential

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest


def board_of(*roots: Path) -> SecretBoard:
    return SecretBoard(SecretFiles(roots), CollectorRegistry())


Call = grpc.aio.StreamStreamCall[DiscoveryRequest, DiscoveryResponse]


@asynccontextmanager
async def stream(socket: Path, name: str) -> AsyncIterator[Call]:
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        method: grpc.aio.StreamStreamMultiCallable[
            DiscoveryRequest, DiscoveryResponse
        ] = channel.stream_stream(
            f"/{SERVICE}/StreamSecrets",
            DiscoveryRequest.SerializeToString,
            DiscoveryResponse.FromString,
        )
        call = method()
        await call.write(DiscoveryRequest(resource_names=[name]))
        yield call
        call.cancel()


async def hear(call: Call) -> tuple[Secret, str]:
    async with asyncio.timeout(5):
        answer = await call.read()
    assert isinstance(answer, DiscoveryResponse)
    return Secret.FromString(answer.resources[0].value), answer.nonce


async def settle(call: Call, name: str, nonce: str) -> None:
    await call.write(DiscoveryRequest(resource_names=[name], response_nonce=nonce))


async def test_a_stream_opened_before_there_is_a_certificate_gets_it_then(
    tmp_path: Path,
) -> None:
    board, socket = board_of(), tmp_path / "sds.sock"
    async with (
        serving_sockets((secret_service(board),), (socket,)),
        stream(socket, DEFAULT) as call,
    ):
        held = credential()
        await board.show(held)
        secret, _ = await hear(call)
        chain = secret.tls_certificate.certificate_chain.inline_bytes.decode()
        assert chain == held.chain_pem


async def test_new_roots_are_taken_before_the_new_certificate_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sds, "ROOT_FIRST_SECONDS", 30.0)
    other = create_root(new_key(), trust_domain="cluster.local", now=NOON, serial=7)
    board, socket = board_of(), tmp_path / "sds.sock"
    await board.show(credential())
    async with (
        serving_sockets((secret_service(board),), (socket,)),
        stream(socket, DEFAULT) as own,
        stream(socket, ROOTCA) as roots,
        asyncio.TaskGroup() as tasks,
    ):
        for call, name in ((own, DEFAULT), (roots, ROOTCA)):
            _, nonce = await hear(call)
            await settle(call, name, nonce)
        rotated = credential(REVIEWS, signer=other)
        showing = tasks.create_task(board.show(rotated))
        secret, nonce = await hear(roots)
        found = secret.validation_context.trusted_ca.inline_bytes.decode()
        assert found == rotated.roots_pem
        assert not showing.done(), "the certificate waits for the roots"
        await settle(roots, ROOTCA, nonce)
        secret, _ = await hear(own)
        chain = secret.tls_certificate.certificate_chain.inline_bytes.decode()
        assert chain == rotated.chain_pem


def test_the_folder_of_the_sockets_is_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
