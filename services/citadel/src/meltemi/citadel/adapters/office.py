"""The authority at work: it asks the signer, and writes the audit."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge

from meltemi.citadel.csr import check_request
from meltemi.citadel.issue import Template
from meltemi.citadel.signer import SignerUnavailableError, obtain
from meltemi.identity.certificate import certificate_pem, certificate_public_der
from meltemi.identity.wire import CertificateRequest, CertificateResponse
from meltemi.kernel.identity import is_control_plane

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from meltemi.citadel.admit import Lifetimes
    from meltemi.citadel.signer import Signer
    from meltemi.kernel.clock import Clock
    from meltemi.kernel.errors import MeshError
    from meltemi.kernel.identity import SpiffeId

log = structlog.get_logger()


class Office:
    """Issues certificates to callers that somebody else has recognised."""

    def __init__(
        self,
        signer: Signer,
        lifetimes: Lifetimes,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._signer = signer
        self._lifetimes = lifetimes
        self._clock = clock
        self._decisions = Counter(
            "meltemi_citadel_certificate_requests",
            "Requests by what became of them: issued, or the code of the refusal.",
            ["proof", "result"],
            registry=registry,
        )
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
    def bundle_pem(self) -> str:
        """The trust bundle.

        Raises:
            SignerUnavailableError: If the signer does not know it yet.

        """
        if not self._signer.roots:
            raise SignerUnavailableError(
                f"the trust bundle is not known yet: {self._signer.trouble}"
            )
        return certificate_pem(*self._signer.roots)

    async def certify(
        self, identity: SpiffeId, request: CertificateRequest, *, proof: str, peer: str
    ) -> CertificateResponse:
        """Return the chain for ``identity``, which the caller at ``peer`` proved.

        Raises:
            MeshError: If the request, the lifetime or the authority is not in order.

        """
        lifetime = self._lifetimes.grant(request.validity)
        checked = check_request(request.csr, identity)
        template = Template(
            identity,
            checked.public_key,
            lifetime,
            local_server=is_control_plane(identity),
            csr=request.csr,
        )
        signed = await obtain(self._signer, template, self._clock)
        leaf = signed.leaf
        log.info(
            "certificate.signed",
            identity=str(identity),
            proof=proof,
            peer=peer,
            serial=f"{leaf.serial_number:x}",
            not_after=leaf.not_valid_after_utc.isoformat(),
            key_sha256=hashlib.sha256(certificate_public_der(leaf)).hexdigest(),
        )
        chain = (certificate_pem(each) for each in signed.chain)
        return CertificateResponse((*chain, self.bundle_pem))

    def _expiry(self) -> float:
        expires = self._signer.expires
        return expires.timestamp() if expires else 0.0

    def issued(self, *, proof: str) -> None:
        """Count a certificate that went out."""
        self._decisions.labels(proof, "issued").inc()

    def refused(self, error: MeshError, *, proof: str, peer: str) -> None:
        """Write down why the caller at ``peer`` got nothing."""
        self._decisions.labels(proof, error.code).inc()
        log.warning(
            "certificate.refused",
            proof=proof,
            peer=peer,
            code=error.code,
            reason=str(error),
        )
