"""An authority and identities for tests, made once a process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509

from meltemi.citadel.issue import Authority, Template, create_root, issue
from meltemi.identity.credential import Credential
from meltemi.identity.keys import new_key
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
"""The time it is in tests of pure code."""

REVIEWS = SpiffeId("cluster.local", Namespace("default"), "bookinfo-reviews")
RATINGS = SpiffeId("cluster.local", Namespace("default"), "bookinfo-ratings")


@cache
def authority(
    trust_domain: str = "cluster.local", *, now: datetime = NOON
) -> Authority:
    """Return the authority of ``trust_domain``, the same for equal arguments."""
    return create_root(
        new_key(),
        trust_domain=trust_domain,
        now=now,
        serial=x509.random_serial_number(),
    )


def credential(
    identity: SpiffeId = REVIEWS,
    *,
    now: datetime = NOON,
    lifetime: timedelta = timedelta(hours=24),
    signer: Authority | None = None,
    local_server: bool = False,
) -> Credential:
    """Return a fresh credential of ``identity``; a ``local_server`` is 127.0.0.1."""
    signer = signer or authority(identity.trust_domain, now=now)
    key = new_key()
    template = Template(identity, key.public_key(), lifetime, local_server)
    leaf = issue(signer, template, now=now, serial=x509.random_serial_number())
    return Credential(key, (leaf,), (signer.certificate,))


def write_credential(folder: Path, name: str, shown: Credential) -> tuple[Path, Path]:
    """Write a chain and its key as PEM; return the two files."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_text(shown.chain_pem, encoding="ascii")
    key.write_text(shown.key_pem, encoding="ascii")
    return chain, key
