"""JWT-SVIDs for those whose certificate a handshake verified, and who verifies them."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_bytes
from typing import TYPE_CHECKING

from meltemi.citadel.adapters.grpc_csr import attempt_of, client_leaf, refuse
from meltemi.citadel.adapters.reception import JWT_SVID
from meltemi.citadel.caller import Proof
from meltemi.citadel.jwt_svid import ID_BYTES, make_svid
from meltemi.citadel.spiffe_bundle import jwt_authorities
from meltemi.identity.svid_wire import SvidAnswer, SvidKeys, SvidRequest
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from datetime import timedelta

    from meltemi.citadel.adapters.chronicle import Chronicle
    from meltemi.citadel.adapters.grpc_csr import Context
    from meltemi.citadel.adapters.key_keeping import KeyKeeping
    from meltemi.citadel.adapters.reception import Attempt, Reception
    from meltemi.citadel.jwt_svid import JwtSvid
    from meltemi.citadel.limits import Buckets
    from meltemi.config.trust_domains import MeshDomains


@dataclass(frozen=True, slots=True)
class Terms:
    """What a JWT-SVID is good for, and how often there is one."""

    lifetime: timedelta
    rate: Buckets


class Scribe:
    """Answers on the renewal port. A token is for the caller, and for nobody else."""

    def __init__(
        self,
        reception: Reception,
        keys: KeyKeeping,
        terms: Terms,
        domains: MeshDomains,
        chronicle: Chronicle,
    ) -> None:
        self._domains, self._clock = domains, reception.clock
        self._reception, self._keys, self._terms = reception, keys, terms
        self._chronicle = chronicle

    async def create(self, raw: bytes, context: Context) -> bytes:
        """Answer a `SvidRequest` with a `SvidAnswer`."""
        attempt = attempt_of(context, Proof.CERTIFICATE, JWT_SVID)
        try:
            request = SvidRequest.decode(raw)
            svid = self._written(request.audience, context, attempt)
        except MeshError as error:
            self._chronicle.refused(error, attempt)
            await refuse(context, error)
        return SvidAnswer(str(svid.identity), svid.text, svid.expires).encode()

    async def keys(self, _: bytes, context: Context) -> bytes:
        """Answer with `SvidKeys`: what the handshake let in may verify."""
        try:
            refresh = self._keys.pace.refresh.total_seconds()
            found = SvidKeys(
                self._domains.now.names,
                tuple(jwt_authorities(self._keys.ring)),
                refresh,
            )
        except MeshError as error:
            await refuse(context, error)
        return found.encode()

    def _written(
        self, audience: tuple[str, ...], context: Context, attempt: Attempt
    ) -> JwtSvid:
        caller = self._reception.recognise(client_leaf(context), attempt)
        self._reception.check(caller)
        self._terms.rate.take(str(caller.identity), self._clock.monotonic())
        svid = make_svid(
            caller.identity,
            audience,
            self._keys.signing,
            life=(self._clock.now(), self._terms.lifetime),
            number=token_bytes(ID_BYTES),
        )
        self._chronicle.svid_issued(svid, attempt)
        return svid
