"""Who asks for a certificate, and what stands behind that. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.citadel.tokens import TokenRecord
    from meltemi.kernel.identity import SpiffeId


class Proof(StrEnum):
    """What a caller shows."""

    TOKEN = "token"  # noqa: S105 - the word, not one of them
    """A workload token of Citadel's own."""

    ISSUER = "issuer"
    """A token of an issuer that the settings name."""

    CERTIFICATE = "certificate"
    """A client certificate, which the handshake verified."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a caller before it is anybody.

    Attributes:
        proof: What was shown.
        address: The IP address of the other end; empty where there is none.
        node: What the caller says its node is called.
        issuer: Who vouches: ``iss`` of a token; empty for a certificate.
        subject: Whom it vouches for: ``sub`` of the token.

    """

    proof: Proof
    address: str = ""
    node: str = ""
    issuer: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who proved to be ``identity``.

    Attributes:
        evidence: How.
        names: That identity in every trust domain of the mesh: which a certificate
            may name, the first where the request does not say.
        token: The workload token that is to be used up, if it was one.
        serial: The certificate that is renewed, if it was one.

    """

    identity: SpiffeId
    evidence: Evidence
    names: tuple[SpiffeId, ...]
    token: TokenRecord | None = None
    serial: int | None = None
