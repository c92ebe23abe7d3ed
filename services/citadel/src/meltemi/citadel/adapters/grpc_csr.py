"""Istio's certificate service on gRPC, for two kinds of proof."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

import grpc
from cryptography import x509

from meltemi.citadel.adapters.reception import CERTIFICATE, Attempt, Reception
from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.caller import Proof
from meltemi.citadel.limits import TooManyRequestsError
from meltemi.identity.wire import CertificateRequest
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.citadel.adapters.chronicle import Chronicle

Context = grpc.aio.ServicerContext[bytes, bytes]
Answer = Callable[[bytes, Context], Awaitable[bytes]]

MESSAGE_LIMIT = 64 * 1024
"""Bytes of a request: four times the largest PEM that is read."""

CONNECTION_MS = 30_000
"""How long a connection is served, a tenth more or less: only a handshake looks whether
the root above a certificate is believed still."""

OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_connection_age_ms", CONNECTION_MS),
    ("grpc.so_reuseport", 0),
)

OPAQUE = "request authenticate failure"
"""What Istio's server tells a caller it does not know, whatever the reason."""

BY_BLAME = {
    Blame.CALLER: grpc.StatusCode.INVALID_ARGUMENT,
    Blame.PEER: grpc.StatusCode.UNAVAILABLE,
    Blame.OURS: grpc.StatusCode.INTERNAL,
}

BY_CODE = {
    "citadel.denied": grpc.StatusCode.PERMISSION_DENIED,
    "citadel.not-registered": grpc.StatusCode.PERMISSION_DENIED,
    "citadel.key-reused": grpc.StatusCode.PERMISSION_DENIED,
    "citadel.too-many-requests": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "citadel.signer-busy": grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class Bootstrap:
    """Certificates for those who show a token."""

    def __init__(self, chronicle: Chronicle, reception: Reception) -> None:
        self._chronicle, self._reception = chronicle, reception

    async def create(self, raw: bytes, context: Context) -> bytes:
        """Answer one request."""
        attempt = attempt_of(context, Proof.TOKEN)
        try:
            header = dict(context.invocation_metadata() or ()).get("authorization")
            request = CertificateRequest.decode(raw)
            answer = await self._reception.by_token(_text(header), request, attempt)
        except MeshError as error:
            self._chronicle.refused(error, attempt)
            await refuse(context, error)
        return answer.encode()


class Renewal:
    """Certificates for those whose TLS client certificate the handshake verified."""

    def __init__(self, chronicle: Chronicle, reception: Reception) -> None:
        self._chronicle, self._reception = chronicle, reception

    async def create(self, raw: bytes, context: Context) -> bytes:
        """Answer one request."""
        attempt = attempt_of(context, Proof.CERTIFICATE)
        try:
            leaf = client_leaf(context)
            request = CertificateRequest.decode(raw)
            answer = await self._reception.by_certificate(leaf, request, attempt)
        except MeshError as error:
            self._chronicle.refused(error, attempt)
            await refuse(context, error)
        return answer.encode()


def attempt_of(context: Context, proof: Proof, wish: str = CERTIFICATE) -> Attempt:
    """Return who calls, before it is anybody."""
    peer = context.peer()
    return Attempt(proof, peer, ip_address(peer), wish=wish)


def server(services: Mapping[str, Mapping[str, Answer]]) -> grpc.aio.Server:
    """Return a server of ``services``, by method; give it a port to start it."""
    made = grpc.aio.server(options=OPTIONS)
    made.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(
                service,
                {
                    name: grpc.unary_unary_rpc_method_handler(answer)
                    for name, answer in methods.items()
                },
            )
            for service, methods in services.items()
        )
    )
    return made


def ip_address(peer: str) -> str:
    """Return the address in gRPC's name of a peer; empty where it has none.

    Source:
        gRPC's naming document: ``ipv4:ADDRESS:PORT``, ``ipv6:%5BADDRESS%5D:PORT``.

    """
    family, _, rest = unquote(peer).partition(":")
    if family not in ("ipv4", "ipv6"):
        return ""
    return rest.rpartition(":")[0].strip("[]").partition("%")[0]


def client_leaf(context: Context) -> x509.Certificate:
    """Return the certificate that the handshake of this call's connection verified.

    Raises:
        UnauthenticatedError: If there was none.

    """
    shown = context.auth_context().get("x509_pem_cert")
    if not shown:
        raise UnauthenticatedError("no client certificate")
    try:
        return _parsed(next(iter(shown)))
    except ValueError as error:
        raise UnauthenticatedError(f"client certificate: {error}") from error


@lru_cache(maxsize=1024)
def _parsed(pem: bytes) -> x509.Certificate:
    """Return a certificate as read: the calls of a connection all show the same."""
    return x509.load_pem_x509_certificate(pem)


async def refuse(context: Context, error: MeshError) -> NoReturn:
    """End the call as Istio's server would: opaque to strangers, plain to callers."""
    if isinstance(error, UnauthenticatedError):
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, OPAQUE)
    if isinstance(error, TooManyRequestsError):
        context.set_trailing_metadata((("retry-after", f"{error.wait:.1f}"),))
    code = BY_CODE.get(error.code, BY_BLAME[error.blame])
    await context.abort(code, f"{error.code}: {error}")


def _text(value: str | bytes | None) -> str | None:
    return value.decode("latin-1") if isinstance(value, bytes) else value
