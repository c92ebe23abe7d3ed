"""Mutual TLS for our own server, with a credential that is renewed while it serves."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.identity.credential import Credential


class HeldContext(ssl.SSLContext):
    """A context whose every new connection is shown what is held then.

    Clients must show a certificate that holds under its roots.
    """

    _held: Callable[[], Credential]
    _shown: Credential
    _newest: ssl.SSLContext

    @classmethod
    def of(cls, held: Callable[[], Credential]) -> Self:
        """Return a context of what ``held`` returns, asked before each handshake."""
        made = cls(ssl.PROTOCOL_TLS_SERVER)
        made._held, made._shown = held, held()
        made._newest = context(made._shown)
        return made

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the signature is ssl's
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin one connection."""
        now = self._held()
        if now is not self._shown:
            self._shown, self._newest = now, context(now)
        return self._newest.wrap_bio(
            incoming, outgoing, server_side, server_hostname, session
        )


def context(credential: Credential) -> ssl.SSLContext:
    """Return a server's context that shows ``credential``, and asks clients for theirs.

    OpenSSL's Python side reads keys from files only: this one is a file in memory,
    without a name, and gone when the key is read.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["h2"])
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=credential.roots_pem)
    memory = os.memfd_create("credential", os.MFD_CLOEXEC)
    with os.fdopen(memory, "wb") as file:
        file.write((credential.key_pem + credential.chain_pem).encode())
        file.flush()
        made.load_cert_chain(f"/proc/self/fd/{memory}")
    return made
