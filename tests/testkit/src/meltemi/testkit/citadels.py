"""A Citadel in the test's own process, and what a caller does with it."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import grpc
import httpx2

from meltemi.citadel.assembly import serve
from meltemi.citadel.settings import CitadelSettings
from meltemi.identity.credential import Credential
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import (
    CREATE_CERTIFICATE,
    CertificateRequest,
    CertificateResponse,
)
from meltemi.runtime.settings import Address
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from meltemi.store.ports import LedgerWriter

PORTS = ("HTTP", "BOOTSTRAP", "RENEWAL")
ADMIN = {"authorization": "Bearer open-sesame"}


def citadel_environ(folder: Path, etcd: str) -> dict[str, str]:
    """Return the environment of a Citadel process that keeps all it has in ``folder``."""
    (folder / "admin").write_text("open-sesame")
    return {
        "PATH": os.defpath,
        **{f"CITADEL_{port}_ADDRESS": f"127.0.0.1:{free_port()}" for port in PORTS},
        "CITADEL_ETCD_ENDPOINTS": etcd,
        "CITADEL_STATE_DIR": str(folder / "citadel"),
        "CITADEL_ADMIN_TOKEN_FILE": str(folder / "admin"),
        "CITADEL_WORKLOAD_TTL": "86400",
    }


@dataclass
class Citadel:
    """One replica, and what a caller does with it."""

    settings: CitadelSettings
    http: httpx2.AsyncClient

    @property
    def roots(self) -> bytes:
        return (self.settings.state_dir / "root-cert.pem").read_bytes()

    async def token(self, account: str = "bookinfo-reviews", **told: object) -> str:
        body = {"namespace": "default", "service_account": account, **told}
        answer = await self.http.post("/v1/ca/tokens", json=body, headers=ADMIN)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def admin(self, method: str, path: str, **body: object) -> httpx2.Response:
        place, sent = f"/v1/ca/{path}", body or None
        answer = await self.http.request(method, place, headers=ADMIN, json=sent)
        assert answer.is_success, answer.text
        return answer

    async def refusal(
        self,
        request: CertificateRequest,
        *,
        token: str | None = None,
        held: Credential | None = None,
    ) -> grpc.aio.AioRpcError:
        try:
            await self.ask(request, token=token, held=held)
        except grpc.aio.AioRpcError as error:
            return error
        raise AssertionError("it was granted")

    async def ask(
        self,
        request: CertificateRequest,
        *,
        token: str | None = None,
        held: Credential | None = None,
    ) -> CertificateResponse:
        async with self.channel(held, joins=token is not None) as channel:
            return await ask(channel, request, token)

    def channel(self, held: Credential | None, *, joins: bool) -> grpc.aio.Channel:
        """Return a channel to one of the doors; one is enough for many calls."""
        pair = (
            (held.key_pem.encode(), held.chain_pem.encode()) if held else (None, None)
        )
        settings = self.settings
        address = settings.bootstrap_address if joins else settings.renewal_address
        credentials = grpc.ssl_channel_credentials(self.roots, *pair)
        return grpc.aio.secure_channel(str(address), credentials)

    async def join(self, account: str = "bookinfo-reviews") -> Credential:
        key = new_key()
        domain = self.settings.trust_domain
        identity = replace(REVIEWS, trust_domain=domain, service_account=account)
        request = CertificateRequest(build_csr(key, identity))
        answer = await self.ask(request, token=await self.token(account))
        return Credential.from_answer(key, answer.chain)


async def ask(
    channel: grpc.aio.Channel, request: CertificateRequest, token: str | None = None
) -> CertificateResponse:
    """Ask once; raise gRPC's error where it is refused."""
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
        CREATE_CERTIFICATE
    )
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    raw = await method(request.encode(), metadata=metadata, timeout=5)
    return CertificateResponse.decode(raw)


@asynccontextmanager
async def citadel(
    directory: Path,
    ledger: LedgerWriter,
    *,
    workload_ttl: timedelta = timedelta(hours=24),
    signer: Mapping[str, object] = MappingProxyType({}),
    **given: object,
) -> AsyncIterator[Citadel]:
    (directory / "admin").write_text("open-sesame\n")
    http, bootstrap, renewal = (Address("127.0.0.1", free_port()) for _ in range(3))
    usual: dict[str, object] = {
        "http_address": http,
        "bootstrap_address": bootstrap,
        "renewal_address": renewal,
        "etcd_endpoints": (),
        "state_dir": directory / "state",
        "admin_token_file": directory / "admin",
        "workload_ttl": workload_ttl,
    }
    settings = CitadelSettings.model_validate(usual | given | dict(signer))
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(settings, ledger, stopping))
        async with httpx2.AsyncClient(base_url=f"http://{http}") as client:
            await answers(client)
            try:
                yield Citadel(settings, client)
            finally:
                stopping.set()


async def answers(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx2.ConnectError:
                await asyncio.sleep(0.02)
