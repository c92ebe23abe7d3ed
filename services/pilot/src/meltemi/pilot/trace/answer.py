"""Where a call ends up, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.trace.call import Http


class Problem(StrEnum):
    """Why a call ends before it reaches a cluster."""

    NO_LISTENER = "ErrNoListener"
    NO_CHAIN = "ErrNoFilterChain"
    MANY_CHAINS = "ErrMultipleFilterChain"
    """Two chains match equally well: Envoy refuses such a listener."""
    TLS = "ErrTLSError"
    """Plain text arrives where TLS is expected."""
    MUTUAL_TLS = "ErrMTLSError"
    """TLS without a client's certificate arrives where one is required."""
    PROTOCOL = "ErrProtocolError"
    """What arrives is not the HTTP that is expected."""
    BAD_REQUEST = "ErrBadRequest"
    """The path is one that the proxy does not take."""
    NO_VIRTUAL_HOST = "ErrNoVirtualHost"
    TLS_REDIRECT = "ErrTLSRedirect"
    """The virtual host sends plain text to HTTPS."""
    NO_ROUTE = "ErrNoRoute"
    NO_CLUSTER = "ErrNoCluster"
    """A cluster is named that the proxy does not have."""
    NO_ENDPOINT = "ErrNoEndpoint"
    """No cluster that it may go to has anybody who could answer."""
    DENIED = "ErrDenied"
    """A policy refuses it."""
    ABORTED = "ErrAborted"
    """A fault that somebody asked for answers instead."""
    NOT_MODELLED = "ErrNotModelled"
    """The proxy decides by something that is not simulated: nothing is claimed."""


class Stage(StrEnum):
    """What is decided."""

    LISTENER = "listener"
    CHAIN = "filter chain"
    HANDSHAKE = "handshake"
    FILTER = "network filter"
    ROUTES = "route configuration"
    HOST = "virtual host"
    ROUTE = "route"
    FAULT = "fault"
    CORS = "cors"
    MIRROR = "mirror"
    CLUSTER = "cluster"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Step:
    """One decision.

    Attributes:
        stage: What was decided.
        name: What was chosen, by its name in Envoy; empty for none.
        why: What was compared with what.

    """

    stage: Stage
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one policy filter decided.

    Attributes:
        filter: Its name.
        policy: The policy, and the rule of it, that matched: Istio's are called
            ``ns[NAMESPACE]-policy[NAME]-rule[INDEX]``; empty when none did.
        why: What was compared with what.
        allowed: Whether the call passed it.
        sure: False where another service decides, and a yes is taken for granted.
        dry: True where the rules are tried only: what they say is noted, and the
            call passes.
        status: What a request that it refuses is answered with; 0 where it refuses
            nothing, or closes the connection.

    """

    filter: str
    policy: str
    why: str
    allowed: bool
    sure: bool = True
    dry: bool = False
    status: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a cluster may send a call.

    Attributes:
        address: Of the endpoint; a path for a Unix socket.
        port: Of the endpoint; 0 for a Unix socket.
        locality: ``region/zone/subzone``, as far as it is said.
        priority: 0 is used first.
        weight: Within its locality.
        healthy: Whether the control plane says that it may be used.

    """

    address: str
    port: int
    locality: str = ""
    priority: int = 0
    weight: int = 1
    healthy: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster, its share among several, and its endpoints."""

    cluster: str
    weight: int = 1
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a call ends up: the names of what matched, until the problem if any.

    Attributes:
        listener: By name.
        chain: By name; chains need not have one.
        routes: The name of the route configuration, when it comes by RDS.
        host: The virtual host.
        route: By name; routes need not have one, and several may have the same.
        rule: Which of the virtual host's routes it is, from 0; -1 before one is found.
        targets: Where it may go, by weight.
        verdicts: Of the policy filters, until the first refusal.
        problem: None when it arrives, or is answered by the proxy itself.
        steps: How it came to that, in order.
        passed: The request as its targets are sent it; None when it is none.
        protocols: What targets that speak TLS are offered by ALPN in place of what
            their clusters offer; empty for nothing.

    """

    listener: str = ""
    chain: str = ""
    routes: str = ""
    host: str = ""
    route: str = ""
    rule: int = -1
    targets: tuple[Target, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    problem: Problem | None = None
    steps: tuple[Step, ...] = ()
    passed: Http | None = None
    protocols: tuple[str, ...] = ()
