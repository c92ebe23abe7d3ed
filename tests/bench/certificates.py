"""Certificates a second, over gRPC and TLS, from one Citadel on one processor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import httpx2
import psutil
from measure import Figure

from meltemi.credentials.citadel import CitadelClient
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import (
    CREATE_CERTIFICATE,
    CertificateRequest,
    CertificateResponse,
)
from meltemi.runtime.settings import Address
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.citadels import citadel_environ
from meltemi.testkit.processes import Program, etcd_server, python, running
from meltemi.testkit.vault import vault_command, vault_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.identity.credential import Credential

CERTIFICATES, AT_ONCE, TURNS = 2000, 64, 3
"""The fastest turn counts: the one that others disturbed least."""

CONNECTIONS = 4
PER_SECOND = 600
APART = (("grpc.use_local_subchannel_pool", 1),)
"""Each channel has a connection of its own."""

KINDS = ("self-signed", "vault-intermediate", "vault-sign")


def figures() -> Iterator[Figure]:
    """Yield the rate of each signer; Vault's only where there is a Vault."""
    for kind in KINDS:
        if kind == "self-signed":
            rate, cpu = _measured(kind, {})
            target = PER_SECOND
        elif vault_command() is not None:
            with tempfile.TemporaryDirectory() as folder, vault_server() as vault:
                login = vault.set_up(Path(folder))
                settings = {
                    "CITADEL_VAULT_ADDRESSES": vault.url,
                    "CITADEL_VAULT_ROLE_ID_FILE": str(login.role_id_file),
                    "CITADEL_VAULT_SECRET_ID_FILE": str(login.secret_id_file),
                }
                rate, cpu = _measured(kind, settings)
            target = None
        else:
            continue
        yield Figure(
            f"certificates, {kind}", rate, "1/s", target, higher_is_better=True
        )
        yield Figure(f"Citadel's processor time for one, {kind}", cpu * 1000, "ms")


UNLIMITED = {
    "CITADEL_IDENTITY_RATE": "100000/s",
    "CITADEL_ADDRESS_RATE": "100000/s",
}


def _measured(kind: str, signer: dict[str, str]) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder, etcd_server() as etcd:
        environ = citadel_environ(Path(folder), etcd.address) | UNLIMITED
        environ["CITADEL_SIGNER"] = kind
        http = environ["CITADEL_HTTP_ADDRESS"]
        program = Program(
            python("meltemi.citadel"),
            lambda: _ready(http),
            Path(folder) / "log",
            environ | signer,
        )
        with running(program), _apart(program):
            return asyncio.run(_rates(environ, program))


def _ready(address: str) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"http://{address}/readyz").status_code == 200
    return False


@contextlib.contextmanager
def _apart(program: Program) -> Iterator[None]:
    """Give Citadel one processor for itself, where there are two."""
    whole = os.sched_getaffinity(0)
    assert program.process is not None
    first, *others = sorted(whole)
    for thread in Path(f"/proc/{program.process.pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {first})
    os.sched_setaffinity(0, others or whole)
    try:
        yield
    finally:
        os.sched_setaffinity(0, whole)


def _processor_time(program: Program) -> float:
    """Return the seconds of processor time that ``program`` has used."""
    assert program.process is not None
    times = psutil.Process(program.process.pid).cpu_times()
    return times.user + times.system


async def _rates(environ: Mapping[str, str], program: Program) -> tuple[float, float]:
    """Return the best rate, and the processor time of one certificate in it."""
    held = await _joined(environ)
    roots = (Path(environ["CITADEL_STATE_DIR"]) / "root-cert.pem").read_bytes()
    trust = grpc.ssl_channel_credentials(
        roots, held.key_pem.encode(), held.chain_pem.encode()
    )
    found: list[tuple[float, float]] = []
    async with contextlib.AsyncExitStack() as open_ones:
        channels = [
            await open_ones.enter_async_context(
                grpc.aio.secure_channel(
                    environ["CITADEL_RENEWAL_ADDRESS"], trust, APART
                )
            )
            for _ in range(CONNECTIONS)
        ]
        for _ in range(TURNS):
            before = _processor_time(program)
            rate = await _flood(channels)
            used = _processor_time(program) - before
            found.append((rate, used / CERTIFICATES))
    return max(found)


async def _joined(environ: Mapping[str, str]) -> Credential:
    url = f"http://{environ['CITADEL_HTTP_ADDRESS']}/v1/ca/tokens"
    wish = {"namespace": "default", "service_account": REVIEWS.service_account}
    async with httpx2.AsyncClient() as client:
        headers = {"authorization": "Bearer open-sesame"}
        answer = await client.post(url, json=wish, headers=headers)
    agent = CitadelClient(
        Address.parse(environ["CITADEL_BOOTSTRAP_ADDRESS"]),
        Address.parse(environ["CITADEL_RENEWAL_ADDRESS"]),
        REVIEWS,
    )
    roots = (Path(environ["CITADEL_STATE_DIR"]) / "root-cert.pem").read_bytes()
    return await agent.join(answer.json()["token"], roots)


async def _flood(channels: list[grpc.aio.Channel]) -> float:
    """Ask as fast as Citadel answers; return how many certificates a second."""
    requests = [
        CertificateRequest(build_csr(new_key(), REVIEWS)).encode()
        for _ in range(CERTIFICATES)
    ]
    waiting = iter(requests)

    async def ask(channel: grpc.aio.Channel) -> None:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            CREATE_CERTIFICATE
        )
        for request in waiting:
            raw = await method(request, timeout=30)
            assert len(CertificateResponse.decode(raw).chain) >= 2

    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(AT_ONCE):
            tasks.create_task(ask(channels[number % len(channels)]))
    return CERTIFICATES / (loop.time() - begun)
