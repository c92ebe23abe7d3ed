"""What is written down of every decision: counted, audited, remembered, announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter

from meltemi.citadel.adapters.announcer import CertificateEvent
from meltemi.citadel.adapters.reception import CERTIFICATE
from meltemi.citadel.audit import Line
from meltemi.citadel.caller import Proof
from meltemi.kernel.identity import SpiffeId

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from meltemi.citadel.adapters.announcer import Announcer
    from meltemi.citadel.adapters.certificate_book import CertificateBook
    from meltemi.citadel.adapters.journal import Journal
    from meltemi.citadel.adapters.reception import Attempt
    from meltemi.citadel.jwt_svid import JwtSvid
    from meltemi.citadel.records import CertificateRecord
    from meltemi.kernel.clock import Clock
    from meltemi.kernel.errors import MeshError


class Chronicle:
    """Tells everybody who keeps something of a decision."""

    def __init__(
        self,
        journal: Journal,
        book: CertificateBook,
        announcer: Announcer,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._journal, self._book, self._announcer = journal, book, announcer
        self._clock = clock
        self._decisions = Counter(
            "meltemi_citadel_certificate_requests",
            "Requests by what became of them: issued, or the code of the refusal.",
            ["proof", "result"],
            registry=registry,
        )

        self._svids = Counter(
            "meltemi_citadel_jwt_svid_requests",
            "Requests for JWT-SVIDs by what became of them, as above.",
            ["result"],
            registry=registry,
        )

    def issued(self, record: CertificateRecord) -> None:
        """Write down a certificate that goes out."""
        self._decisions.labels(record.proof, "issued").inc()
        self._book.note(record)
        self._journal.note(
            Line(
                time=record.issued,
                what="certificate.issued",
                peer=record.peer,
                proof=record.proof,
                identity=record.identity,
                voucher=record.voucher,
                serial=record.serial,
                issuer=record.issuer,
                not_after=record.not_after,
                key_sha256=record.key_sha256,
            )
        )
        what = "renewed" if record.proof == Proof.CERTIFICATE else "issued"
        identity = SpiffeId.parse(record.identity)
        self._announcer.tell(
            CertificateEvent(
                what, identity, record.issued, record.serial, record.not_after
            )
        )

    def refused(self, error: MeshError, attempt: Attempt) -> None:
        """Write down why somebody got nothing."""
        self._count(attempt, error.code)
        now, caller = self._clock.now(), attempt.caller
        self._journal.note(
            Line(
                time=now,
                what=f"{attempt.wish}.refused",
                peer=attempt.address or attempt.peer,
                proof=attempt.proof,
                identity=str(caller.identity) if caller else "",
                voucher=caller.evidence.issuer if caller else "",
                code=error.code,
                reason=str(error),
            )
        )
        if caller and attempt.wish == CERTIFICATE:
            self._announcer.tell(
                CertificateEvent("failed", caller.identity, now, error.code)
            )

    def svid_issued(self, svid: JwtSvid, attempt: Attempt) -> None:
        """Write down a JWT-SVID that goes out: for whom, never its text."""
        self._count(attempt, "issued")
        self._journal.note(
            Line(
                time=self._clock.now(),
                what="jwt-svid.issued",
                peer=attempt.address or attempt.peer,
                proof=attempt.proof,
                identity=str(svid.identity),
                serial=svid.id,
                not_after=svid.expires,
                subject=" ".join(svid.audience),
            )
        )

    def _count(self, attempt: Attempt, result: str) -> None:
        if attempt.wish == CERTIFICATE:
            self._decisions.labels(attempt.proof, result).inc()
        else:
            self._svids.labels(result).inc()

    def done(
        self, what: str, by: str, *, identity: str = "", subject: str = ""
    ) -> None:
        """Write down what an administrator did."""
        line = Line(
            time=self._clock.now(), what=what, by=by, identity=identity, subject=subject
        )
        self._journal.note(line)

    def revoked(self, identity: SpiffeId, serial: str) -> None:
        """Announce that a workload, or one certificate of it, is denied."""
        now = self._clock.now()
        self._announcer.tell(
            CertificateEvent("revoked", identity, now, serial or "all")
        )
