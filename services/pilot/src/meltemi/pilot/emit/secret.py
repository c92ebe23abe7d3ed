"""A TLS secret as Envoy's message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

if TYPE_CHECKING:
    from meltemi.pilot import ir


def secret(made: ir.ServedSecret) -> Secret:
    """Return ``made``: a certificate with its key, or roots."""
    message = Secret(name=made.name)
    if made.roots:
        message.validation_context.trusted_ca.inline_bytes = made.roots.encode()
        return message
    shown = message.tls_certificate
    shown.certificate_chain.inline_bytes = made.chain.encode()
    shown.private_key.inline_bytes = made.key.encode()
    return message
