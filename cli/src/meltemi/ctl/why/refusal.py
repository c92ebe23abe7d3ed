"""A connection that the server's proxy would not take, and whose words those are.

Nothing of the request arrived, so the server's line has no request id: it is found by
the connection's two addresses. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.ctl.why.hop import Hop

PLAIN: Final = re.compile("HTTP_REQUEST|HTTPS_PROXY_REQUEST|WRONG_VERSION_NUMBER")
"""What BoringSSL says of a caller whose first bytes are no TLS (ssl/tls_record.cc)."""
NEAR_SECONDS: Final = 60.0
"""How far two hosts' clocks may be apart; a port is used again later than that."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A connection that was not taken.

    Attributes:
        server: What the server's proxy logged of it.
        policy: The PeerAuthentication that demands mutual TLS; empty: none is known.
        rule: The DestinationRule by which the caller does without; empty: likewise.

    """

    server: Hop
    policy: str = ""
    rule: str = ""

    @property
    def plain(self) -> bool:
        """Whether the caller spoke plain text."""
        return bool(PLAIN.search(self.reason))

    @property
    def reason(self) -> str:
        """Envoy's word on the handshake."""
        return self.server.downstream_transport_failure_reason or ""


def met(hop: Hop, known: Sequence[Hop]) -> Hop | None:
    """Return which of the connections in ``known`` is the one that ``hop`` was sent on.

    The two ends' addresses have to agree, so one behind NAT is not found.
    """
    ends = hop.upstream_local_address, hop.upstream_host
    sent = hop.began
    if not all(ends) or sent is None:
        return None
    apart = [
        (abs(taken - sent), each)
        for each in known
        if (each.downstream_remote_address, each.downstream_local_address) == ends
        and (taken := each.began) is not None
    ]
    near = [
        each for each in apart if each[0] < NEAR_SECONDS + (hop.duration or 0) / 1e3
    ]
    return min(near, key=lambda each: each[0])[1] if near else None
