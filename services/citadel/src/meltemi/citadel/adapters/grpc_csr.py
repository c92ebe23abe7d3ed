"""Istio's certificate service on gRPC, for two kinds of proof."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

import grpc
from cryptography import x509

from meltemi.citadel.admit import UnauthenticatedError, bearer, renewing_identity
from meltemi.citadel.signer import SignerBusyError
from meltemi.identity.wire import SERVICE, CertificateRequest
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.citadel.adapters.office import Office
    from meltemi.citadel.adapters.recognition import Recognition

Context = grpc.aio.ServicerContext[bytes, bytes]
Answer = Callable[[bytes, Context], Awaitable[bytes]]

MESSAGE_LIMIT = 64 * 1024
"""Bytes of a request: four times the largest PEM that is read."""

OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.so_reuseport", 0),
)

OPAQUE = "request authenticate failure"
"""What Istio's server tells a caller it does not know, whatever the reason."""

BY_BLAME = {
    Blame.CALLER: grpc.StatusCode.INVALID_ARGUMENT,
    Blame.PEER: grpc.StatusCode.UNAVAILABLE,
    Blame.OURS: grpc.StatusCode.INTERNAL,
}


class Bootstrap:
    """Certificates for those who show a token."""

    proof = "token"

    def __init__(self, office: Office, recognition: Recognition) -> None:
        self._office = office
        self._recognition = recognition

    async def create(self, raw: bytes, context: Context) -> bytes:
        """Answer one request.

        The token is burned last: a mistake in the request does not cost it. Nothing
        leaves before it is burned, so no token ever yields two certificates.
        """
        peer = context.peer()
        try:
            header = dict(context.invocation_metadata() or ()).get("authorization")
            request = own_request(raw)
            shown = await self._recognition.recognise(
                bearer(_text(header)), ip_address(peer), request.node
            )
            answer = await self._office.certify(
                shown.name, request, proof=self.proof, peer=peer
            )
            await self._recognition.spend(shown)
        except MeshError as error:
            self._office.refused(error, proof=self.proof, peer=peer)
            await refuse(context, error)
        self._office.issued(proof=self.proof)
        return answer.encode()


class Renewal:
    """Certificates for those whose TLS client certificate the handshake verified."""

    proof = "certificate"

    def __init__(self, office: Office, trust_domain: str) -> None:
        self._office = office
        self._trust_domain = trust_domain

    async def create(self, raw: bytes, context: Context) -> bytes:
        """Answer one request."""
        peer = context.peer()
        try:
            identity = renewing_identity(client_leaf(context), self._trust_domain)
            request = own_request(raw)
            answer = await self._office.certify(
                identity, request, proof=self.proof, peer=peer
            )
        except MeshError as error:
            self._office.refused(error, proof=self.proof, peer=peer)
            await refuse(context, error)
        self._office.issued(proof=self.proof)
        return answer.encode()


def server(answer: Answer) -> grpc.aio.Server:
    """Return a server of the certificate service; give it a port to start it."""
    made = grpc.aio.server(options=OPTIONS)
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
        answer
    )
    made.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"CreateCertificate": method}),)
    )
    return made


def own_request(raw: bytes) -> CertificateRequest:
    """Return a request in the caller's own name.

    Raises:
        InvalidMessageError: If it is malformed.
        UnauthenticatedError: If it is in another's: Istio lets node agents do that,
            and nobody is one here.

    """
    request = CertificateRequest.decode(raw)
    if request.impersonated:
        raise UnauthenticatedError(f"asks in the name of {request.impersonated!r}")
    return request


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
    """Return the certificate that the handshake of this call verified.

    Raises:
        UnauthenticatedError: If there was none.

    """
    shown = context.auth_context().get("x509_pem_cert")
    if not shown:
        raise UnauthenticatedError("no client certificate")
    try:
        return x509.load_pem_x509_certificate(next(iter(shown)))
    except ValueError as error:
        raise UnauthenticatedError(f"client certificate: {error}") from error


async def refuse(context: Context, error: MeshError) -> NoReturn:
    """End the call as Istio's server would: opaque to strangers, plain to callers."""
    if isinstance(error, UnauthenticatedError):
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, OPAQUE)
    code = BY_BLAME[error.blame]
    if isinstance(error, SignerBusyError):
        code = grpc.StatusCode.RESOURCE_EXHAUSTED
    await context.abort(code, f"{error.code}: {error}")


def _text(value: str | bytes | None) -> str | None:
    return value.decode("latin-1") if isinstance(value, bytes) else value
