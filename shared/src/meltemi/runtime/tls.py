"""TLS of a listener: its files, read again when they change.

::

    handshake ─▶ wrap_bio ─▶ did a file change? ─ no ──▶ the context there is
                                  └─ yes ─▶ read all ─ fails ─▶ the last good one
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = structlog.get_logger("meltemi.runtime")

Version = tuple[tuple[int, int, int], ...]


class TlsFilesError(MeshError):
    """The files of a listener do not make a TLS context."""

    code = "tls.files"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a listener shows, and whom it believes. All of it is PEM."""

    certificate: Path
    """Chain, leaf first."""
    key: Path
    client_ca: Path | None = None
    """Roots of client certificates; None: none is asked for."""
    mutual: bool = field(default=False, kw_only=True)
    """Whether a client without a certificate is turned away."""

    def __iter__(self) -> Iterator[Path]:
        yield self.certificate
        yield self.key
        if self.client_ca is not None:
            yield self.client_ca

    def context(self) -> ssl.SSLContext:
        """Return a server's context made of the files as they are now.

        Unless it is `mutual`, a client may come without a certificate; one that it
        shows must hold.

        Raises:
            TlsFilesError: If one cannot be read, or they do not fit together.

        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
                must = ssl.CERT_REQUIRED if self.mutual else ssl.CERT_OPTIONAL
                context.verify_mode = must
        except OSError as error:
            names = ", ".join(str(each) for each in self)
            why = error.strerror or str(error)
            raise TlsFilesError(f"no TLS from {names}: {why}") from error
        return context

    def version(self) -> Version:
        """Return what differs once a file was replaced or rewritten."""
        found = [each.stat() for each in self]
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)


def client_context(roots: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a client's context that believes ``roots`` and shows a certificate.

    Raises:
        TlsFilesError: If one cannot be read, or they do not fit together.

    """
    try:
        context = ssl.create_default_context(cafile=roots)
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:
        why = error.strerror or str(error)
        raise TlsFilesError(
            f"no TLS from {roots}, {certificate}, {key}: {why}"
        ) from error
    return context


class ReloadingContext(ssl.SSLContext):
    """A context that serves every new connection with its files as they are then.

    Renewed certificates are shown without a restart. Files that do not hold are said
    so in the log, once, and what was last good goes on.
    """

    _files: TlsFiles
    _seen: Version
    _newest: ssl.SSLContext

    @classmethod
    def of(cls, files: TlsFiles) -> Self:
        """Return a context of ``files``; raise `TlsFilesError` if they do not hold."""
        made = cls(ssl.PROTOCOL_TLS_SERVER)
        made._files = files
        made._newest = files.context()
        made._seen = files.version()
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
        self._refresh()
        return self._newest.wrap_bio(
            incoming, outgoing, server_side, server_hostname, session
        )

    def _refresh(self) -> None:
        try:
            version = self._files.version()
            if version == self._seen:
                return
            self._seen = version
            self._newest = self._files.context()
        except (OSError, TlsFilesError) as error:
            log.warning("tls.not-reloaded", error=str(error))
            return
        log.info("tls.reloaded", certificate=str(self._files.certificate))


def _no_password() -> str:
    """Refuse an encrypted key: without this OpenSSL asks at the terminal."""
    raise TlsFilesError("the key is encrypted: give one without a passphrase")
