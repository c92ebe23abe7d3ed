"""The servers of a gateway proxy's Gateways, merged by the port they listen on.

Source: pilot/pkg/model/gateway.go mergeGateways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.gateway import ServerTLSMode
from meltemi.pilot import ir
from meltemi.pilot.model.protocol import Protocol, protocol
from meltemi.pilot.scope.proxy import Bind
from meltemi.pilot.translate.wildcard import wildcards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.resource import Resource
    from meltemi.config.schema.gateway import Gateway, Server
    from meltemi.pilot.scope.scope import Scope

GATEWAY_SERVICES: Final = "internal.istio.io/gateway-service"
"""Annotation of Gateways made from another API: the services that stand for them."""
UNTRANSLATED: Final = "experimental.istio.io/disable-gateway-port-translation"
"""Label of services whose ports are what their gateway listens on."""
PASSING: Final = (None, ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH)
"""No mode at all is PASSTHROUGH, the first word of Istio's enumeration."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One server of a Gateway, where this proxy serves it."""

    gateway: Resource[Gateway]
    number: int
    server: Server
    bind: Bind

    @property
    def title(self) -> str:
        """``NAMESPACE/NAME``, as VirtualServices name the Gateway."""
        metadata = self.gateway.metadata
        return f"{metadata.namespace}/{metadata.name}"

    @property
    def origin(self) -> ir.Origin:
        """The server's place in the Gateway."""
        metadata = self.gateway.metadata
        path = f"spec.servers[{self.number}]"
        return ir.Origin(self.gateway.kind, metadata.namespace, metadata.name, path)

    @property
    def protocol(self) -> Protocol:
        """What the server's port speaks."""
        return protocol(self.server.port.protocol)

    @property
    def passes(self) -> bool:
        """Whether TLS goes through unopened."""
        return self.server.tls is not None and self.server.tls.mode in PASSING

    @property
    def encrypted(self) -> bool:
        """Whether clients speak TLS; on an HTTP port its settings only redirect."""
        return self.server.tls is not None and not self.protocol.is_http

    @property
    def serves_http(self) -> bool:
        """Whether requests are seen one by one."""
        if self.protocol.is_http:
            return True
        return self.protocol is Protocol.HTTPS and self.encrypted and not self.passes

    @property
    def table(self) -> str:
        """The name of the route table, as Istio has it; empty without HTTP."""
        suffix = f".{self.server.bind}" if self.server.bind else ""
        if self.protocol.is_http:
            return f"http.{self.bind.port}{suffix}"
        if not self.serves_http:
            return ""
        port, metadata = self.server.port, self.gateway.metadata
        home = f"{metadata.name}.{metadata.namespace}"
        return f"https.{port.number}.{port.name}.{home}{suffix}"

    @property
    def server_names(self) -> tuple[str, ...]:
        """The hosts of the server without their namespaces; none: any host."""
        names = tuple(host.rpartition("/")[2] for host in self.server.hosts)
        return () if "*" in names else tuple(dict.fromkeys(names))


def merged(scope: Scope) -> dict[Bind, tuple[Opening, ...]]:
    """Return the servers that go together, by where they listen.

    On one port, plain HTTP goes with plain HTTP, and TLS with TLS of other hosts; the
    oldest Gateway decides, and what does not fit is left out.
    """
    found: dict[Bind, list[Opening]] = {}
    plain: dict[Bind, Opening] = {}
    names: dict[int, set[tuple[str, str]]] = {}
    for opening in _openings(scope):
        if opening.server.tls is not None and _taken(opening, names):
            continue
        if opening.bind not in found:
            if not opening.encrypted:
                plain[opening.bind] = opening
        elif not _fits(opening, plain.get(opening.bind)):
            continue
        found.setdefault(opening.bind, []).append(opening)
    return {bind: tuple(each) for bind, each in found.items()}


def _taken(opening: Opening, names: dict[int, set[tuple[str, str]]]) -> bool:
    """Tell whether a host of a TLS server is another's; else take its hosts."""
    held = names.setdefault(opening.bind.port, set())
    bind = opening.server.bind or ""
    wanted = {(host, bind) for host in opening.server.hosts}
    if wanted & held:
        return True
    held |= wanted
    return False


def _fits(opening: Opening, first: Opening | None) -> bool:
    if first is None:
        return opening.server.tls is not None
    return opening.protocol.is_http and first.protocol.is_http


def _openings(scope: Scope) -> Iterator[Opening]:
    unprivileged = scope.group.node.unprivileged
    for gateway in scope.gateways:
        for number, server in enumerate(gateway.spec.servers):
            for bind in _binds(scope, gateway, server):
                if not (unprivileged and bind.port < PRIVILEGED):
                    yield Opening(gateway, number, server, bind)


PRIVILEGED: Final = 1024


def _binds(scope: Scope, gateway: Resource[Gateway], server: Server) -> Iterator[Bind]:
    """Yield where a server is served: the target ports of the services in front."""
    number = server.port.number
    told = dict(scope.group.explicit.gateway).get(number)
    if told:
        yield told
        return
    address = server.bind or wildcards(scope)[0]
    for port in _ports(scope, gateway, number):
        yield Bind(address, port)


def _ports(scope: Scope, gateway: Resource[Gateway], number: int) -> tuple[int, ...]:
    listed = gateway.metadata.annotations.get(GATEWAY_SERVICES)
    hosts = listed.split(",") if listed else None
    home = gateway.metadata.namespace
    ports = {
        number
        if target.service.labels.get(UNTRANSLATED) == "true"
        else target.listens_on
        for target in scope.targets
        if target.port.number == number
        and (
            hosts is None
            or (target.service.host in hosts and target.service.namespace == home)
        )
    }
    if not ports and hosts is None:
        return (number,)
    return tuple(sorted(ports))
