"""What a proxy does with a call, told from what the proxy holds.

Everything here reads Envoy's messages and nothing else, so that it can be pointed at
any proxy's dump. The rules are Envoy's; where one is not modelled, the answer says so.
"""

from meltemi.pilot.trace.answer import (
    Answer,
    Endpoint,
    Problem,
    Stage,
    Step,
    Target,
    Verdict,
)
from meltemi.pilot.trace.call import Call, Http, Tls, Way
from meltemi.pilot.trace.connection import Arrival, arrive, handshake, seen
from meltemi.pilot.trace.resources import Resources, read, resources
from meltemi.pilot.trace.serve import serve
from meltemi.pilot.trace.trace import trace

__all__ = [
    "Answer",
    "Arrival",
    "Call",
    "Endpoint",
    "Http",
    "Problem",
    "Resources",
    "Stage",
    "Step",
    "Target",
    "Tls",
    "Verdict",
    "Way",
    "arrive",
    "handshake",
    "read",
    "resources",
    "seen",
    "serve",
    "trace",
]
