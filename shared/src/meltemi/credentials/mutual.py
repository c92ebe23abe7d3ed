"""Mutual TLS on gRPC with a credential that is renewed while connections live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import grpc
from cryptography import x509

from meltemi.identity.certificate import InvalidCertificateError, spiffe_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.identity.credential import Credential
    from meltemi.kernel.identity import SpiffeId


def server_credentials(
    held: Callable[[], Credential], *, clients_prove: bool = True
) -> grpc.ServerCredentials:
    """Return credentials that show ``held`` as it is at each handshake.

    Args:
        held: Asked before each handshake, from threads of gRPC's.
        clients_prove: Clients must show a certificate that holds under its roots.

    """
    shown = _Shown(held)
    # gRPC documents None for "no change"; the types' authors left that out.
    changed = cast("Callable[[], grpc.ServerCertificateConfiguration]", shown.changed)
    return grpc.dynamic_ssl_server_credentials(shown.first(), changed, clients_prove)


class _Shown:
    """What gRPC's handshakes show now.

    It is told only what changes. Told the same again it would build a TLS context for
    every handshake, and drop the one before while another handshake takes hold of it:
    that use after free (grpc/grpc#36693) ends the process within a few dozen
    connections at a time.
    """

    def __init__(self, held: Callable[[], Credential]) -> None:
        self._held = held
        self._last: Credential | None = None

    def first(self) -> grpc.ServerCertificateConfiguration:
        """Return what to start with."""
        self._last = self._held()
        return _configuration(self._last)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what to show from now on; None for what is shown already."""
        now = self._held()
        if now is self._last:
            return None
        self._last = now
        return _configuration(now)


def _configuration(shown: Credential) -> grpc.ServerCertificateConfiguration:
    pair = shown.key_pem.encode(), shown.chain_pem.encode()
    return grpc.ssl_server_certificate_configuration([pair], shown.roots_pem.encode())


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
