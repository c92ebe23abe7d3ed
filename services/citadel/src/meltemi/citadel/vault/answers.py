"""What Vault's PKI engine answers, read without trust. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.citadel.signed import Signed
from meltemi.identity.certificate import InvalidCertificateError, parse_chain
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from cryptography import x509

    from meltemi.citadel.vault.call import Answer


class BadAnswerError(MeshError):
    """Vault's answer holds no certificates where they should be."""

    code = "vault.bad-answer"
    blame = Blame.PEER


class _Certificates(msgspec.Struct, frozen=True):
    certificate: str
    ca_chain: list[str] = []
    issuing_ca: str = ""


class _Answer(msgspec.Struct, frozen=True):
    data: _Certificates
    warnings: list[str] | None = None


def read_signed(answer: Answer) -> Signed:
    """Return the certificate of a ``sign`` or ``sign-intermediate`` answer.

    Raises:
        BadAnswerError: If there is none to be read.

    """
    leaf, *above = _line(answer)
    return Signed(leaf, tuple(each for each in above if not is_root(each)))


def read_roots(answer: Answer) -> tuple[x509.Certificate, ...]:
    """Return the roots that stand above a certificate or an issuer.

    Raises:
        BadAnswerError: If none does: the issuer was imported without its root.

    """
    roots = tuple(each for each in _line(answer) if is_root(each))
    if not roots:
        raise BadAnswerError(
            "the issuer's chain holds no root: import its root into the mount too"
        )
    return roots


def warned(answer: Answer) -> bool:
    """Tell whether Vault did something else than asked, such as a shorter life."""
    try:
        return bool(msgspec.convert(answer.document, _Answer).warnings)
    except msgspec.ValidationError:
        return False


def is_root(certificate: x509.Certificate) -> bool:
    """Tell whether ``certificate`` names itself as its issuer."""
    return certificate.issuer == certificate.subject


def _line(answer: Answer) -> list[x509.Certificate]:
    """Return a certificate and what stands above it, each once, in that order."""
    try:
        found = msgspec.convert(answer.document, _Answer).data
        above = [each for each in (*found.ca_chain, found.issuing_ca) if each]
        texts = [found.certificate, *above]
        read = [each for pem in texts for each in parse_chain(pem)]
    except (msgspec.ValidationError, InvalidCertificateError) as error:
        raise BadAnswerError(f"no certificates: {type(error).__name__}") from None
    return list(dict.fromkeys(read))
