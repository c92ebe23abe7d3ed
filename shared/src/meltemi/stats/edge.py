"""One edge of the mesh's graph: who calls whom, as one side of the calls saw it."""

from __future__ import annotations

from typing import Final

import msgspec

UNKNOWN: Final = "unknown"
"""What Istio's metrics say where nothing is known."""
OTHERS: Final = "others"
"""Who stands for all that are too many to tell apart."""
REPORTERS: Final = ("source", "destination")
PROTOCOLS: Final = ("http", "grpc", "tcp")
SECURITIES: Final = ("mutual_tls", "none", UNKNOWN)
LONGEST: Final = 512
"""Characters of one name: SPIFFE ids and host names are shorter."""


class End(msgspec.Struct, frozen=True, order=True):
    """A workload at one end of an edge."""

    workload: str = UNKNOWN
    namespace: str = UNKNOWN
    principal: str = UNKNOWN
    """By its certificate: ``spiffe://…``."""


class Edge(msgspec.Struct, frozen=True, order=True):
    """What is counted together.

    Attributes:
        reporter: ``source`` or ``destination``: whose proxy counted.
        source: Who calls.
        destination: Who is called.
        service: The host that was asked for.
        protocol: ``http``, ``grpc`` or ``tcp``.
        security: Istio's connection_security_policy: ``mutual_tls`` or ``none`` by
            the destination's word, ``unknown`` by the source's.

    """

    reporter: str
    source: End
    destination: End
    service: str
    protocol: str
    security: str

    def with_others(self) -> Edge:
        """Return the edge that a proxy with too many peers counts this one as."""
        if self.reporter == "source":
            ends = (self.source, EVERYBODY)
        else:
            ends = (EVERYBODY, self.destination)
        return Edge(self.reporter, *ends, OTHERS, self.protocol, UNKNOWN)

    def among_others(self) -> Edge:
        """Return the edge that a mesh with too many edges counts this one as."""
        return Edge(self.reporter, EVERYBODY, EVERYBODY, OTHERS, self.protocol, UNKNOWN)


EVERYBODY: Final = End(OTHERS, OTHERS, OTHERS)
