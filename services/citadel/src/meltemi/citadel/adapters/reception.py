"""Everything a request passes before it is signed, and what is noted of it after.

::

    address limit ─▶ recognised? ─▶ denied? ─▶ registered? ─▶ identity limit ─┐
                                                                              ▼
    answer ◀─ noted ◀─ token used up ◀─ signed ◀─ key another's? ◀─ CSR in order?
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.citadel.admit import UnauthenticatedError, bearer, check_standing
from meltemi.kernel.errors import Blame, MeshError
from meltemi.store.ports import LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

    from meltemi.citadel.adapters.chronicle import Chronicle
    from meltemi.citadel.adapters.office import Office
    from meltemi.citadel.adapters.recognition import Recognition
    from meltemi.citadel.caller import Caller
    from meltemi.citadel.entries import Entries
    from meltemi.citadel.limits import Limits
    from meltemi.identity.denials import Denials
    from meltemi.identity.wire import CertificateRequest, CertificateResponse
    from meltemi.kernel.clock import Clock


CERTIFICATE, JWT_SVID = "certificate", "jwt-svid"
"""What may be asked for."""


class DeniedError(MeshError):
    """The caller proved who it is, and that is on the deny list."""

    code = "citadel.denied"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Rules:
    """What is decided about callers elsewhere, as it is now."""

    denials: Denials
    entries: Entries

    @property
    def trouble(self) -> str | None:
        """Why nobody can be let in, or None."""
        if self.denials.known and self.entries.known:
            return None
        return "the deny list and the registration entries were not read yet"

    def check(self, caller: Caller) -> None:
        """Let ``caller`` in.

        Raises:
            DeniedError: If it, or its certificate, is on the deny list.
            NotRegisteredError: If no registration entry lets it in.
            LedgerUnavailableError: If neither was read since the start.

        """
        if self.trouble:
            raise LedgerUnavailableError(self.trouble)
        why = self.denials.reason(caller.identity, caller.serial)
        if why is not None:
            raise DeniedError(why)
        self.entries.check(caller.identity, caller.evidence)


@dataclass(slots=True)
class Attempt:
    """One request, as far as it came.

    Attributes:
        proof: What is shown.
        peer: The other end, in gRPC's words.
        address: Its IP address; empty where it has none.
        caller: Who it is, once that is known.
        wish: What is asked for: the first part of what the audit calls it.

    """

    proof: str
    peer: str
    address: str
    caller: Caller | None = None
    wish: str = CERTIFICATE


class Reception:
    """Serves the two doors."""

    def __init__(
        self,
        office: Office,
        recognition: Recognition,
        rules: Rules,
        limits: Limits,
        chronicle: Chronicle,
    ) -> None:
        self._office, self._recognition = office, recognition
        self._chronicle = chronicle
        self._rules, self._limits = rules, limits

    async def by_token(
        self, header: str | None, request: CertificateRequest, attempt: Attempt
    ) -> CertificateResponse:
        """Return a certificate for the bearer of a token.

        Raises:
            MeshError: What is wrong with the caller, the request or the authority.

        """
        with self._counted(attempt):
            attempt.caller = await self._recognition.by_token(
                bearer(header), attempt.address, request.node
            )
        return await self._served(attempt.caller, request)

    async def by_certificate(
        self,
        leaf: x509.Certificate,
        request: CertificateRequest,
        attempt: Attempt,
    ) -> CertificateResponse:
        """Return a certificate for the holder of one that a handshake verified.

        Raises:
            MeshError: What is wrong with the caller, the request or the authority.

        """
        return await self._served(self.recognise(leaf, attempt), request)

    @property
    def clock(self) -> Clock:
        """What time it is."""
        return self._office.clock

    def recognise(self, leaf: x509.Certificate, attempt: Attempt) -> Caller:
        """Return whom a certificate stands for that a handshake verified.

        A connection may outlive it.

        Raises:
            MeshError: If it is nobody, or asks too often.

        """
        with self._counted(attempt):
            check_standing(leaf, now=self._office.clock.now())
            caller = self._recognition.by_certificate(leaf, attempt.address)
        attempt.caller = caller
        return caller

    def check(self, caller: Caller) -> None:
        """Let ``caller`` in, as `Rules.check`."""
        self._rules.check(caller)

    async def _served(
        self, caller: Caller, request: CertificateRequest
    ) -> CertificateResponse:
        """Return a certificate for ``caller``.

        The token is used up last: a mistake in the request does not cost it. Nothing
        leaves before it is, so no token for one certificate ever yields two.
        """
        if request.impersonated:  # Istio lets node agents do that; nobody is one here
            raise UnauthenticatedError(f"asks in the name of {request.impersonated!r}")
        self._rules.check(caller)
        now = self._office.clock.monotonic()
        self._limits.identity.take(str(caller.identity), now)
        issued = await self._office.certify(caller, request)
        self._rules.check(caller)  # it may have been denied while the signer worked
        await self._recognition.spend(caller)
        self._chronicle.issued(issued.record)
        return issued.response

    @contextlib.contextmanager
    def _counted(self, attempt: Attempt) -> Iterator[None]:
        """Count a request, and that nobody was recognised.

        An address that failed too often is turned away before any work is done for
        it, whatever it shows then. Tokens and certificates are counted apart: who has
        neither cannot keep its neighbours from renewing.
        """
        clock, limits = self._office.clock, self._limits
        where = f"{attempt.address} {attempt.proof}"
        limits.failures.check(where, clock.monotonic())
        limits.address.take(where, clock.monotonic())
        try:
            yield
        except UnauthenticatedError:
            limits.failures.take(where, clock.monotonic())
            raise
