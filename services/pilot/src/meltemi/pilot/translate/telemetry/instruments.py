"""What a proxy tells of its traffic, added to what it holds when that is made.

```
Telemetry, MeshConfig  →  Signals of each side  →  every filter that ends a chain
```
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.translate.name import inbound_cluster
from meltemi.pilot.translate.telemetry.access_log import access_logs, unrouted
from meltemi.pilot.translate.telemetry.levels import CLIENT, SERVER, levels
from meltemi.pilot.translate.telemetry.metric_tag import peer
from meltemi.pilot.translate.telemetry.metrics import (
    CLOSED,
    Meters,
    counts,
    metered,
    meters,
)
from meltemi.pilot.translate.telemetry.tracing import tracing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.schema.telemetry import WorkloadMode
    from meltemi.pilot.scope.scope import Scope


@dataclass(frozen=True, slots=True)
class Signals:
    """What is told of one side of calls."""

    logs: tuple[ir.Written, ...]
    tracing: ir.Tracing | None
    secure: Meters
    """What is counted where callers are known by mutual TLS."""
    plain: Meters
    reads_peers: bool
    """Whether callers say who they are, and that is counted."""
    metered: bool = False
    """Whether anybody in the mesh counts calls, and might believe who calls."""
    introduction: tuple[tuple[str, str], ...] = ()
    """What those who are called are told of the proxies, for their metrics."""
    tapped: bool = False
    """Whether an operator can listen."""

    def chain(self, made: ir.FilterChain) -> ir.FilterChain:
        """Return ``made``, which tells of what passes it."""
        secure = isinstance(made.tls, ir.MeshServer)
        counted = self.secure if secure else self.plain
        handler = made.filter
        if isinstance(handler, ir.HttpFilter):
            told = replace(
                handler,
                access_logs=(*self.logs, *counted.http),
                tracing=self.tracing,
                tapped=self.tapped,
                peer=self._peer(secure=secure, counted=bool(counted)),
                caller=self.introduction if counted else (),
            )
            return replace(made, filter=told)
        if handler.silent:
            return made
        return replace(made, filter=self._connections(handler, counted.tcp))

    def _peer(self, *, secure: bool, counted: bool) -> ir.PeerHeader | None:
        """Return what becomes of the header of whoever calls.

        Who counts writes its own over what an application or somebody outside says;
        who does not takes it out: a server behind it would believe it.
        """
        if not self.metered or (counted and not self.reads_peers):
            return None
        believed = counted and secure
        return ir.PeerHeader.READ if believed else ir.PeerHeader.DROP

    def _connections(
        self, made: ir.TcpFilter, counted: tuple[ir.MetricLog, ...]
    ) -> ir.TcpFilter:
        """Return ``made``; where openings are counted, lines are still of ends."""
        if not counted:
            return replace(made, access_logs=self.logs)
        ends = tuple(
            replace(each, only=replace(each.only, moments=CLOSED)) for each in self.logs
        )
        return replace(made, access_logs=(*ends, *counted), count_openings=True)


@dataclass(frozen=True, slots=True)
class Instruments:
    """The signals of a class of proxies, by the side they are of.

    A gateway passes on what it receives: like Istio, it counts as a client.
    """

    sent: Signals
    received: Signals
    listeners: bool
    """Whether listeners tell of the connections that no chain takes."""
    origins: ir.Origins
    """The Telemetry with words of its author's that Envoy may refuse."""

    def listener(self, made: ir.Listener) -> ir.Listener:
        """Return ``made``, which tells of its traffic."""
        inbound = made.direction is ir.Direction.INBOUND
        signals = self.received if inbound else self.sent
        own = self.listeners and (inbound or made.by_destination)
        return replace(
            made,
            chains=tuple(map(signals.chain, made.chains)),
            default=signals.chain(made.default) if made.default else None,
            access_logs=unrouted(signals.logs) if own else (),
            origins=(*made.origins, *self.origins),
        )


@dataclass(frozen=True, slots=True)
class Labelled:
    """What metrics ask of clusters and endpoints."""

    sent: bool
    """Whether calls to services without mutual TLS are counted."""
    received: bool
    own: Mapping[str, ir.ServiceLabel]
    """The service behind each cluster that reaches the workload itself."""

    def cluster(self, made: ir.Cluster) -> ir.Cluster:
        """Return ``made``, which says what metrics ask of it.

        Only services of the mesh are told who calls. That is said where requests come
        in, so that all proxies have the same clusters: the others take it out again.
        """
        here = self.own.get(made.name)
        if here is not None and self.received:
            return replace(made, counted=True, services=made.services or (here,))
        if here is not None or not self.sent:
            return made
        if made.services and not made.external:
            members = self.members(made.members) if made.members else None
            return replace(made, counted=True, members=members)
        options = replace(made.http or ir.HttpOptions(), strange=True)
        return replace(made, counted=bool(made.services), http=options)

    def members(self, made: ir.LoadAssignment) -> ir.LoadAssignment:
        """Return ``made``, whose endpoints say what metrics ask of them."""
        return replace(made, counted=bool(self.sent))


def instruments(scope: Scope) -> Instruments:
    """Return what the proxies of ``scope`` tell of their traffic."""
    return Instruments(
        sent=_signals(scope, CLIENT),
        received=_signals(scope, SERVER),
        listeners=not scope.config.document.disable_envoy_listener_log,
        origins=tuple(_outspoken(scope)),
    )


def labelled(scope: Scope) -> Labelled:
    """Return what the metrics of the proxies of ``scope`` ask of clusters."""
    return Labelled(
        sent=counts(scope, CLIENT),
        received=counts(scope, SERVER),
        own={
            inbound_cluster(number): ir.ServiceLabel(
                service.host, service.name, service.namespace
            )
            for service in reversed(scope.own)
            for port in service.ports
            for number in (port.number, port.target or port.number)
        },
    )


def _outspoken(scope: Scope) -> Iterator[ir.Origin]:
    for level in levels(scope):
        spec, home = level.spec, level.metadata
        logs = any(each.filter for each in spec.access_logging)
        changes = [change for each in spec.metrics for change in each.overrides]
        tags = any(each.tag_overrides for each in changes)
        spans = any(each.custom_tags for each in spec.tracing)
        if logs or tags or spans:
            yield ir.Origin(level.kind, home.namespace, home.name, "spec")


def _signals(scope: Scope, side: WorkloadMode) -> Signals:
    return Signals(
        logs=access_logs(scope, side),
        tracing=tracing(scope, side),
        secure=meters(scope, side, secure=True),
        plain=meters(scope, side, secure=False),
        reads_peers=side is SERVER,
        metered=metered(scope),
        introduction=peer(scope) if side is CLIENT else (),
        tapped=scope.config.features.tap,
    )
