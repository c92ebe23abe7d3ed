"""Mutual TLS on gRPC with a credential that is renewed while connections live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from cryptography import x509

from meltemi.identity.certificate import InvalidCertificateError, spiffe_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.identity.credential import Credential
    from meltemi.kernel.identity import SpiffeId


def server_credentials(held: Callable[[], Credential]) -> grpc.ServerCredentials:
    """Return credentials that show ``held`` as it is at each handshake.

    Clients must show a certificate that holds under its roots.
    """

    def configuration() -> grpc.ServerCertificateConfiguration:
        shown = held()
        pair = shown.key_pem.encode(), shown.chain_pem.encode()
        return grpc.ssl_server_certificate_configuration(
            [pair], shown.roots_pem.encode()
        )

    return grpc.dynamic_ssl_server_credentials(
        configuration(), configuration, require_client_authentication=True
    )


def secure_channel(
    target: str,
    held: Credential,
    server: str,
    options: tuple[tuple[str, str | int], ...] = (),
) -> grpc.aio.Channel:
    """Return a channel to ``target``, a service of the control plane.

    Args:
        target: ``HOST:PORT``.
        held: What to show, and the roots to believe.
        server: The DNS name that the other's certificate must have: its account.
        options: More of gRPC's.

    """
    trust = grpc.ssl_channel_credentials(
        held.roots_pem.encode(), held.key_pem.encode(), held.chain_pem.encode()
    )
    named = (("grpc.ssl_target_name_override", server), *options)
    return grpc.aio.secure_channel(target, trust, named)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who the handshake of a call verified."""

    identity: SpiffeId
    serial: int
    """Of the certificate."""


def caller(context: grpc.aio.ServicerContext[bytes, bytes]) -> Peer | None:
    """Return who the handshake of a call verified; None where nobody showed anything.

    Raises:
        InvalidCertificateError: If the certificate names no workload.

    """
    shown = context.auth_context().get("x509_pem_cert")
    if not shown:
        return None
    try:
        leaf = x509.load_pem_x509_certificate(next(iter(shown)))
    except ValueError as error:
        raise InvalidCertificateError(f"client certificate: {error}") from error
    return Peer(spiffe_id(leaf), leaf.serial_number)
