"""Secrets that are files of this machine, by Istio's names for them.

``file-root:PATH`` is a bundle of authorities and ``file-cert:CHAIN~KEY`` a certificate
with its key. Envoy is told the paths and reads the files itself; ``file-root:system``
is what the machine trusts.

Source:
    pkg/security/security.go SdsCertificateConfig.

"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = "file-root:"
CERTIFICATE: Final = "file-cert:"
SYSTEM: Final = "system"
CHAIN_AND_KEY: Final = 2
SYSTEM_ROOTS: Final = "/etc/ssl/certs/ca-certificates.crt"
"""What Debian, Ubuntu and Alpine trust."""


def named_files(name: str) -> tuple[str, ...]:
    """Return the paths that a secret's name holds; none if it stands for no files.

    A certificate without its key, or with more than that, holds an empty path, which
    is nobody's file.
    """
    if name.startswith(ROOT):
        path = name.removeprefix(ROOT)
        return () if path == SYSTEM else (path,)
    if name.startswith(CERTIFICATE):
        parts = tuple(name.removeprefix(CERTIFICATE).split("~"))
        return parts if len(parts) == CHAIN_AND_KEY else ("",)
    return ()


def file_secrets(names: Iterable[str]) -> Iterator[Secret]:
    """Yield the secret of each of ``names`` that stands for files."""
    for name in names:
        if name.startswith(ROOT):
            path = name.removeprefix(ROOT)
            roots = Secret(name=name)
            trusted = roots.validation_context.trusted_ca
            trusted.filename = SYSTEM_ROOTS if path == SYSTEM else path
            yield roots
        elif name.startswith(CERTIFICATE):
            chain, _, key = name.removeprefix(CERTIFICATE).partition("~")
            own = Secret(name=name)
            own.tls_certificate.certificate_chain.filename = chain
            own.tls_certificate.private_key.filename = key
            yield own
