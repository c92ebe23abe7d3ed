"""Who is at the other end of a stream: shown by a proof, compared with the node.

A node message says whatever its sender wants. What is secret goes only to a stream
whose caller signed with the certificate of that very identity (threats T9, T10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from meltemi.kernel.names import Namespace
from meltemi.runtime.proof_verification import InvalidProofError, verify_proof
from meltemi.runtime.workload_proof import PROOF_METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from meltemi.kernel.clock import Clock
    from meltemi.pilot.scope.proxy import Proxy

AUDIENCE: Final = "meltemi-pilot"

log = structlog.get_logger("meltemi.pilot")


class StreamIdentities:
    """Judges the proofs that streams begin with."""

    def __init__(self, bundle: Path | None, trust_domain: str, clock: Clock) -> None:
        self._bundle, self._trust_domain, self._clock = bundle, trust_domain, clock

    def proves(self, proxy: Proxy, metadata: Iterable[tuple[str, str | bytes]]) -> bool:
        """Tell whether ``metadata`` proves that the caller is ``proxy``.

        A proof that does not hold is said so in the log, and is as none.
        """
        proofs = [str(value) for name, value in metadata if name == PROOF_METADATA]
        if self._bundle is None or len(proofs) != 1:
            return False
        account = proxy.group.node.service_account
        try:
            found = verify_proof(
                proofs[0],
                self._bundle.read_bytes(),
                audience=AUDIENCE,
                trust_domain=self._trust_domain,
                now=self._clock.now(),
            )
        except (OSError, InvalidProofError) as error:
            log.warning("proxy.not-proved", node=proxy.node_id, error=str(error))
            return False
        home = Namespace(proxy.group.namespace)
        if (found.namespace, found.service_account) != (home, account):
            log.warning("proxy.another", node=proxy.node_id, identity=str(found))
            return False
        return True
