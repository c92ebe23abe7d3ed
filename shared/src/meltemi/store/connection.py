"""Calls to etcd: which member, how long, what may be repeated, what errors mean."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import grpc

from meltemi.kernel.backoff import Backoff
from meltemi.store.ports import (
    LedgerDeniedError,
    LedgerFullError,
    LedgerRefusedError,
    LedgerUnavailableError,
)
from meltemi.store.wire import etcd_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from meltemi.kernel.errors import MeshError

RETRY = Backoff(first=0.05, ceiling=0.5)
Metadata = tuple[tuple[str, str], ...]
CHANNEL = (
    ("grpc.keepalive_time_ms", 10_000),  # etcd refuses pings under 5 s
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),  # what newer grpcio goes by
    ("grpc.max_receive_message_length", -1),  # a page of 500 objects may be big
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.enable_http_proxy", 0),  # the ledger is never behind the user's web proxy
)
AWAY = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)

UNKNOWN_USER = (
    "authentication failed",
    "authentication is not enabled",
    "user name is empty",
)
"""What etcd says, with a code of its own, to who is not one of its users."""


class RevisionGoneError(LedgerUnavailableError):
    """A listing's pinned revision was compacted between two of its pages."""


class Wire(Protocol):
    """A protobuf message, as far as a call needs it."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        """Return its bytes."""
        ...


A = TypeVar("A")
Q = TypeVar("Q", bound=Wire)


@dataclass(frozen=True)
class Method(Generic[Q, A]):
    """One RPC: its path, and what reads its answer."""

    path: str
    parse: Callable[[bytes], A]


AUTHENTICATE: Method[pb.AuthenticateRequest, pb.AuthenticateResponse] = Method(
    "/etcdserverpb.Auth/Authenticate", pb.AuthenticateResponse.FromString
)


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM bytes: whom to trust, and who we are where etcd asks for it."""

    root: bytes
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    server_name: str | None = None
    """The name the certificate must carry, when it is not the endpoint's host."""


@dataclass(frozen=True, slots=True)
class Login:
    """An etcd user."""

    user: str
    password: str = field(repr=False)


class Connection:
    """One of several etcd members, and the next one when it fails."""

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        timeout: float,
        tls: Tls | None,
        login: Login | None,
    ) -> None:
        if not endpoints:
            raise LedgerRefusedError("no etcd endpoint is given: expected HOST:PORT")
        self._endpoints = [each.rpartition("://")[2].rstrip("/") for each in endpoints]
        self._timeout, self._tls, self._login = timeout, tls, login
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._turn = 0
        self._token = ""
        self._logging_in = asyncio.Lock()
        self._rng = Random()  # noqa: S311 - it spreads retries, nothing else

    @property
    def endpoint(self) -> str:
        """The member that is asked next."""
        return self._endpoints[self._turn % len(self._endpoints)]

    async def close(self) -> None:
        """Close every channel; running calls end with an error."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    async def call(self, method: Method[Q, A], request: Q, *, repeatable: bool) -> A:
        """Ask until there is an answer, the time is up, or repeating is unsafe.

        What is not ``repeatable`` is sent again only when the server provably never
        saw it: when the connection could not be made, or the token was refused.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        attempt = 0
        while True:
            used = self._token
            try:
                metadata = await self._metadata(deadline - loop.time())
                used = self._token
                left = deadline - loop.time()
                return await self._once(method, request, left, metadata)
            except grpc.aio.AioRpcError as error:
                fresh = self.forget_token(error, used)
                if not (fresh or self._may_repeat(error, repeatable=repeatable)):
                    raise self.failure(error) from None
                at_once = fresh and not attempt
                delay = 0.0 if at_once else RETRY.delay(attempt, self._rng)
                if loop.time() + delay >= deadline:
                    raise self.failure(error) from None
                self._turn += not fresh
                attempt += 1
            await asyncio.sleep(delay)

    async def _once(
        self, method: Method[Q, A], request: Q, left: float, metadata: Metadata
    ) -> A:
        call = self._channel().unary_unary(
            method.path,
            request_serializer=serialized,
            response_deserializer=method.parse,
        )
        answer: A = await call(request, timeout=max(left, 0.001), metadata=metadata)
        return answer

    @contextlib.asynccontextmanager
    async def stream(
        self, method: Method[Q, A]
    ) -> AsyncIterator[grpc.aio.StreamStreamCall[Q, A]]:
        """Open a stream to the member whose turn it is; it ends with the context."""
        metadata = await self._metadata(self._timeout)
        serializer: Callable[[Q], bytes] = serialized
        call = self._channel().stream_stream(
            method.path,
            request_serializer=serializer,
            response_deserializer=method.parse,
        )(metadata=(*metadata, ("hasleader", "true")))
        try:
            yield call
        finally:
            call.cancel()

    async def pause(self, attempt: int) -> None:
        """Turn to the next member after a while, as a broken stream should."""
        self._turn += 1
        await asyncio.sleep(RETRY.delay(attempt, self._rng))

    def forget_token(
        self, error: grpc.aio.AioRpcError, used: str | None = None
    ) -> bool:
        """Tell whether the error means "log in again", and be ready to do so.

        Of several calls that were refused with the token ``used`` one logs in again.
        """
        details = (error.details() or "").lower()
        stale = "invalid auth token" in details or "auth revision" in details
        if stale and used in (None, self._token):
            self._token = ""
        return stale and self._login is not None

    def renounce_token(self) -> bool:
        """Log in again next time; return False for who never logs in."""
        self._token = ""
        return self._login is not None

    def failure(self, error: grpc.aio.AioRpcError) -> MeshError:
        """Return what ``error`` means to the mesh."""
        details = error.details() or "no details"
        words = f"etcd at {self.endpoint}: {details}"
        if error.code() is grpc.StatusCode.OUT_OF_RANGE:
            return RevisionGoneError(words)
        if "database space exceeded" in details:
            return LedgerFullError(f"{words}: compact and defragment it")
        if error.code() in DENIED or any(each in details for each in UNKNOWN_USER):
            return LedgerDeniedError(words)
        if error.code() in AWAY:
            return LedgerUnavailableError(words)
        return LedgerRefusedError(words)

    def _may_repeat(self, error: grpc.aio.AioRpcError, *, repeatable: bool) -> bool:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            return False
        unsent = (error.details() or "").lower().startswith("failed to connect")
        return repeatable or unsent

    async def _metadata(self, left: float) -> Metadata:
        if self._login is None:
            return ()
        async with self._logging_in:  # a login costs etcd a tenth of a second
            if not self._token:
                self._token = await self._authenticated(self._login, left)
        return (("token", self._token),)

    async def _authenticated(self, login: Login, left: float) -> str:
        call = self._channel().unary_unary(
            AUTHENTICATE.path,
            request_serializer=serialized,
            response_deserializer=AUTHENTICATE.parse,
        )
        request = pb.AuthenticateRequest(name=login.user, password=login.password)
        answer = await call(request, timeout=max(left, 0.001))
        return answer.token

    def _channel(self) -> grpc.aio.Channel:
        endpoint = self.endpoint
        if endpoint not in self._channels:
            self._channels[endpoint] = self._open(endpoint)
        return self._channels[endpoint]

    def _open(self, endpoint: str) -> grpc.aio.Channel:
        if self._tls is None:
            return grpc.aio.insecure_channel(endpoint, CHANNEL)
        credentials = grpc.ssl_channel_credentials(
            self._tls.root, self._tls.key, self._tls.certificate
        )
        name = self._tls.server_name
        override = (("grpc.ssl_target_name_override", name),) if name else ()
        return grpc.aio.secure_channel(endpoint, credentials, (*CHANNEL, *override))


def serialized(message: Wire) -> bytes:
    """Return the bytes of ``message``."""
    return message.SerializeToString()
