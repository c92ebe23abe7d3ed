"""What whoever is new must know to join: where the doors are, whom to believe there."""

from __future__ import annotations

from typing import Self

import msgspec

from meltemi.identity.wire import InvalidMessageError

PATH = "/api/v1/joining"
"""Where Galley tells it."""


class Invitation(
    msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True
):
    """How to reach the mesh from outside of it. Nothing in it is a secret.

    Attributes:
        trust_domain: What identities start with.
        citadel_bootstrap: ``HOST:PORT`` where a workload token buys a certificate.
        citadel_renewal: ``HOST:PORT`` where a certificate buys the next one.
        pilots: ``HOST:PORT`` of every Pilot's TLS port.
        roots: PEM, one certificate each: the mesh's trust bundle.

    """

    trust_domain: str
    citadel_bootstrap: str
    citadel_renewal: str
    pilots: tuple[str, ...]
    roots: tuple[str, ...]

    @classmethod
    def read(cls, told: object) -> Self:
        """Read Galley's answer, parsed; raise `InvalidMessageError` if it is none."""
        try:
            return msgspec.convert(told, cls)
        except msgspec.ValidationError as error:
            raise InvalidMessageError(f"no invitation to join: {error}") from error
