"""Where a matching request is sent: targets, retries, mirrors, rewrites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.model.host import resolve
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.load_balancer import hash_policies
from meltemi.pilot.translate.policy import effective
from meltemi.pilot.translate.route.header import edits, host_rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from meltemi.config.resource import Resource
    from meltemi.config.schema.destination_rule import DestinationRule
    from meltemi.config.schema.http_fault import Percent
    from meltemi.config.schema.http_route import (
        Destination,
        HTTPRetry,
        HTTPRoute,
        HTTPRouteDestination,
    )
    from meltemi.config.schema.virtual_service import RouteDestination

MILLIONTHS = 10_000
"""Parts of a million in one percent."""

DEFAULT_RETRY_ON = (
    "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
)
DEFAULT_ATTEMPTS = 2
"""What Istio does where nobody says anything (core/route/retry/retry.go)."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """What destinations are resolved against.

    Attributes:
        only_port: Of a full host, the port of a service that has no other.
        rule: The DestinationRule that holds for a full host.
        namespace: Of the object that names the destination: short names are in it.
        domain_suffix: What short names end in.
        port: The port the request came to, for destinations that name none.
        retry: When the mesh tries again where a rule does not say.

    """

    only_port: Callable[[str], int | None]
    rule: Callable[[str], Resource[DestinationRule] | None]
    namespace: str
    domain_suffix: str
    port: int
    retry: HTTPRetry | None = None

    def cluster(self, destination: Destination) -> str:
        """Return the cluster of ``destination``.

        An unknown host gets a name all the same: Envoy then answers 503 with the flag
        NC, which says better what is wrong than a missing route would.
        """
        host, port = self.place(destination)
        return name.outbound_cluster(port, destination.subset or "", host)

    def place(self, destination: Destination) -> tuple[str, int]:
        """Return the full host and port of ``destination``."""
        host = resolve(destination.host, self.namespace, self.domain_suffix)
        if destination.port and destination.port.number:
            return host, destination.port.number
        return host, self.only_port(host) or self.port

    def hashes(self, destination: Destination) -> tuple[ir.HashPolicy, ...]:
        """Return what the destination's load balancer hashes requests on."""
        host, port = self.place(destination)
        rule = self.rule(host)
        if rule is None:
            return ()
        subset = next(
            (each for each in rule.spec.subsets if each.name == destination.subset),
            None,
        )
        return hash_policies(effective(rule.spec, subset, port).load_balancer)


def forward(route: HTTPRoute, destinations: Destinations) -> ir.Forward:
    """Return the action of a route with destinations."""
    alone = len(route.route) == 1
    weighted = [each for each in route.route if alone or each.weight]
    hashes = tuple(
        policy for each in weighted for policy in destinations.hashes(each.destination)
    )
    rewrite = route.rewrite
    pattern = rewrite.uri_regex_rewrite if rewrite else None
    request = route.headers.request if route.headers else None
    rewritten = (rewrite.authority if rewrite else "") or host_rewrite(request)
    targets = tuple(_target(each, destinations) for each in weighted)
    if alone:
        # The edits of an only destination are the route's (`rules`).
        rewritten = rewritten or targets[0].host_rewrite
        targets = (ir.Target(targets[0].cluster, targets[0].weight),)
    return ir.Forward(
        targets=targets,
        timeout=route.timeout.nanoseconds if route.timeout else 0,
        retries=retries(
            route.retries or destinations.retry, hashed=alone and bool(hashes)
        ),
        mirrors=tuple(_mirrors(route, destinations)),
        prefix_rewrite=(rewrite.uri or "") if rewrite else "",
        regex_rewrite=(
            (pattern.match or "", pattern.rewrite or "") if pattern else None
        ),
        host_rewrite=rewritten,
        hash=hashes,
    )


def tcp_targets(
    routes: Iterable[RouteDestination], destinations: Destinations
) -> tuple[ir.Target, ...]:
    """Return the clusters of a TCP route and their shares."""
    found = tuple(routes)
    return tuple(
        ir.Target(destinations.cluster(each.destination), each.weight or 1)
        for each in found
        if len(found) == 1 or each.weight
    )


def _target(route: HTTPRouteDestination, destinations: Destinations) -> ir.Target:
    headers = route.headers
    request = headers.request if headers else None
    return ir.Target(
        cluster=destinations.cluster(route.destination),
        weight=route.weight or 1,
        host_rewrite=host_rewrite(request),
        request=edits(request),
        response=edits(headers.response if headers else None),
    )


def retries(given: HTTPRetry | None, *, hashed: bool) -> ir.Retries | None:
    """Return when to try again; a hashed request belongs to its host, tried or not."""
    if given is None:
        return ir.Retries(
            DEFAULT_ATTEMPTS, DEFAULT_RETRY_ON, avoid_previous_hosts=not hashed
        )
    attempts = given.attempts or 0
    if attempts <= 0:
        return None
    words = [word.strip() for word in (given.retry_on or DEFAULT_RETRY_ON).split(",")]
    statuses = tuple(int(word) for word in words if word.isdecimal())
    names = [word for word in words if word and not word.isdecimal()]
    if statuses and "retriable-status-codes" not in names:
        names.append("retriable-status-codes")
    ignore = given.retry_ignore_previous_hosts
    return ir.Retries(
        attempts=attempts,
        on=",".join(names),
        statuses=statuses,
        per_try_timeout=(
            given.per_try_timeout.nanoseconds if given.per_try_timeout else None
        ),
        backoff=given.backoff.nanoseconds if given.backoff else None,
        avoid_previous_hosts=not hashed if ignore is None else ignore,
        other_localities=given.retry_remote_localities or False,
    )


def _mirrors(route: HTTPRoute, destinations: Destinations) -> Iterator[ir.Mirror]:
    if route.mirror:
        whole = route.mirror_percent
        parts = millionths(route.mirror_percentage, default=100.0)
        if route.mirror_percentage is None and whole is not None:
            parts = whole * MILLIONTHS
        if parts:
            yield ir.Mirror(destinations.cluster(route.mirror), parts)
    for each in route.mirrors:
        parts = millionths(each.percentage, default=100.0)
        if parts:
            yield ir.Mirror(destinations.cluster(each.destination), parts)


def millionths(percent: Percent | None, *, default: float) -> int:
    """Return a percentage in parts of a million; ``default`` where none is given."""
    value = default if percent is None else percent.value or 0.0
    return round(value * MILLIONTHS)
