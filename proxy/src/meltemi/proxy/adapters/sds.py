"""Secret discovery on a Unix socket: Envoy asks, rotations are pushed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc
import structlog
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)
from prometheus_client import Counter

from meltemi.proxy.adapters.secret_files import RefusedSecretError
from meltemi.proxy.secrets import (
    ROOTCA,
    DeltaSession,
    Secrets,
    SotwSession,
    secrets_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from prometheus_client import CollectorRegistry

    from meltemi.identity.credential import Credential
    from meltemi.proxy.adapters.secret_files import SecretFiles

SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"

ROOT_FIRST_SECONDS = 1.0
"""How long the new certificate waits for every stream to have the new roots."""

MOST_STREAMS = 1024
"""Open at once: Envoy opens one for each secret it names (case 35)."""

log = structlog.get_logger()

Asked = TypeVar("Asked", DiscoveryRequest, DeltaDiscoveryRequest)
Asked_contra = TypeVar("Asked_contra", contravariant=True)
Told = TypeVar("Told", DiscoveryResponse, DeltaDiscoveryResponse)
Told_co = TypeVar("Told_co", covariant=True)


class Session(Protocol[Asked_contra, Told_co]):
    """What both variants of the protocol have in common."""

    refusal: str

    def receive(self, request: Asked_contra) -> None:
        """Take what Envoy says."""
        ...

    def offer(self, secrets: Secrets) -> Told_co | None:
        """Return what Envoy should hear now, or None."""
        ...

    def owes(self, name: str, version: str) -> bool:
        """Tell whether Envoy wants ``name`` but has not taken ``version``."""
        ...


class SecretBoard:
    """The secrets as they are now, and the streams that must hear of changes."""

    def __init__(self, files: SecretFiles, registry: CollectorRegistry) -> None:
        self._files = files
        self._refused = Counter(
            "meltemi_agent_secrets_refused",
            "Secrets that Envoy would not take, and names that we would not serve.",
            ["by"],
            registry=registry,
        )
        self._secrets: Secrets = {}
        self._bells: dict[asyncio.Event, Callable[[str, str], bool]] = {}
        self._heard = asyncio.Event()

    async def show(self, credential: Credential) -> None:
        """Serve ``credential`` from now on, its roots before its certificate.

        A peer may already have a certificate of the new root: whoever does not know
        that root yet would refuse it.
        """
        fresh = secrets_of(credential)
        if self._secrets and self._secrets[ROOTCA].version != fresh[ROOTCA].version:
            self._post(self._secrets | {ROOTCA: fresh[ROOTCA]})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROOT_FIRST_SECONDS):
                    await self._taken(ROOTCA, fresh[ROOTCA].version)
        self._post(fresh)

    def _post(self, secrets: Secrets) -> None:
        self._secrets = secrets
        for bell in self._bells:
            bell.set()

    async def _taken(self, name: str, version: str) -> None:
        while any(owes(name, version) for owes in self._bells.values()):
            self._heard.clear()
            await self._heard.wait()

    async def serve(
        self,
        session: Session[Asked, Told],
        requests: AsyncIterator[Asked],
        context: grpc.aio.ServicerContext[Asked, Told],
    ) -> None:
        """Answer one stream until Envoy ends it."""
        if len(self._bells) >= MOST_STREAMS:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{MOST_STREAMS} streams are open on this socket already",
            )
        bell = asyncio.Event()
        self._bells[bell] = session.owes
        try:
            async with asyncio.TaskGroup() as tasks:
                pushing = tasks.create_task(self._push(session, bell, context))
                async for request in requests:
                    await self._check(request, context)
                    session.receive(request)
                    if session.refusal:
                        self._refused.labels("envoy").inc()
                        log.warning("secret.refused", error=session.refusal)
                    self._heard.set()
                    bell.set()
                pushing.cancel()
        finally:
            del self._bells[bell]
            self._heard.set()

    async def _check(
        self, request: Asked, context: grpc.aio.ServicerContext[Asked, Told]
    ) -> None:
        """End a stream that asks for what must not be served (T18, case 34)."""
        names = (
            request.resource_names
            if isinstance(request, DiscoveryRequest)
            else request.resource_names_subscribe
        )
        try:
            await asyncio.to_thread(self._files.check, names)
        except RefusedSecretError as error:
            self._refused.labels("agent").inc()
            log.warning("secret.not-served", error=str(error))
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    async def _push(
        self,
        session: Session[Asked, Told],
        bell: asyncio.Event,
        context: grpc.aio.ServicerContext[Asked, Told],
    ) -> None:
        while True:
            await bell.wait()
            bell.clear()
            answer = session.offer(self._secrets)
            if answer is not None:
                await context.write(answer)


def secret_service(board: SecretBoard) -> grpc.GenericRpcHandler:
    """Return the handlers of both variants, to add to a server."""

    async def stream(
        requests: AsyncIterator[DiscoveryRequest],
        context: grpc.aio.ServicerContext[DiscoveryRequest, DiscoveryResponse],
    ) -> None:
        await board.serve(SotwSession(), requests, context)

    async def delta(
        requests: AsyncIterator[DeltaDiscoveryRequest],
        context: grpc.aio.ServicerContext[
            DeltaDiscoveryRequest, DeltaDiscoveryResponse
        ],
    ) -> None:
        await board.serve(DeltaSession(), requests, context)

    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "StreamSecrets": grpc.stream_stream_rpc_method_handler(
                stream,
                DiscoveryRequest.FromString,
                DiscoveryResponse.SerializeToString,
            ),
            "DeltaSecrets": grpc.stream_stream_rpc_method_handler(
                delta,
                DeltaDiscoveryRequest.FromString,
                DeltaDiscoveryResponse.SerializeToString,
            ),
        },
    )
