"""The authority at work: it asks the signer, and reads what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from meltemi.citadel.csr import check_request
from meltemi.citadel.issue import Template
from meltemi.citadel.records import CertificateRecord, certificate_record, key_digest
from meltemi.citadel.signer import SignerUnavailableError, obtain
from meltemi.identity.certificate import certificate_pem
from meltemi.identity.wire import CertificateRequest, CertificateResponse
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.identity import is_control_plane

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography import x509
    from prometheus_client import CollectorRegistry

    from meltemi.citadel.admit import Lifetimes
    from meltemi.citadel.caller import Caller
    from meltemi.citadel.key_index import KeyIndex
    from meltemi.citadel.signer import Signer
    from meltemi.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate, before it goes out."""

    response: CertificateResponse
    record: CertificateRecord


class Office:
    """Issues certificates to callers that somebody else has recognised."""

    def __init__(
        self,
        signer: Signer,
        lifetimes: Lifetimes,
        clock: Clock,
        registry: CollectorRegistry,
        keys: KeyIndex,
    ) -> None:
        self._keys = keys
        self._signer = signer
        self._lifetimes = lifetimes
        self._clock = clock
        Gauge(
            "meltemi_citadel_root_expiry_timestamp_seconds",
            "When the authority's certificate ends, in Unix time; 0: not known yet.",
            registry=registry,
        ).set_function(self._expiry)

    @property
    def clock(self) -> Clock:
        """What time it is, for whoever recognises callers."""
        return self._clock

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """The trust bundle, as certificates; empty until the signer knows it."""
        return self._signer.roots

    @property
    def bundle_pem(self) -> str:
        """The trust bundle.

        Raises:
            SignerUnavailableError: If the signer does not know it yet.

        """
        if not self._signer.roots:
            raise SignerUnavailableError(
                f"the trust bundle is not known yet: {self._signer.trouble}"
            )
        return _bundle_pem(self._signer.roots)

    async def certify(self, caller: Caller, request: CertificateRequest) -> Issued:
        """Return the chain for ``caller``, and what there is to remember of it.

        Raises:
            MeshError: If the request, the lifetime or the authority is not in order,
                or the key is another's.

        """
        check_clock(self._signer.roots, now=self._clock.now())
        lifetime = self._lifetimes.grant(request.validity)
        checked = check_request(request.csr, *caller.names)
        identity = checked.identity
        digest = key_digest(checked.key_der)
        self._keys.check(digest, identity, self._clock.now())
        template = Template(
            identity,
            checked.public_key,
            lifetime,
            local_server=is_control_plane(identity),
            csr=request.csr,
        )
        signed = await obtain(self._signer, template, self._clock)
        self._keys.check(digest, identity, self._clock.now())
        self._keys.note(digest, str(identity), self._clock.now())
        chain = (certificate_pem(each) for each in signed.chain)
        response = CertificateResponse((*chain, self.bundle_pem))
        record = certificate_record(signed.leaf, caller, digest, now=self._clock.now())
        return Issued(response, record)

    def _expiry(self) -> float:
        expires = self._signer.expires
        return expires.timestamp() if expires else 0.0


@lru_cache(maxsize=4)
def _bundle_pem(roots: tuple[x509.Certificate, ...]) -> str:
    return certificate_pem(*roots)


class ClockError(MeshError):
    """The clock of the machine cannot be right."""

    code = "citadel.clock"
    blame = Blame.PEER


def check_clock(roots: Sequence[x509.Certificate], *, now: datetime) -> None:
    """Make sure that it is not earlier than the authority itself.

    Certificates begin two minutes before they are made, so the clock of whoever made
    the root may have been ahead by that.

    Raises:
        ClockError: If ``now`` lies before the roots.

    """
    begins = min((each.not_valid_before_utc for each in roots), default=now)
    if now < begins:
        raise ClockError(
            f"it is {now:%FT%TZ} here, and the root begins at {begins:%FT%TZ}: "
            "this machine's clock is behind; set it"
        )
