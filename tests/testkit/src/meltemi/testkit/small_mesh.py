"""Meshes of a few objects, and proxies in them to look into and to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from meltemi.config.decode import decode
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KIND_BY_NAME
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.trace import Answer, Call, Http, Tls, read, trace
from meltemi.pilot.trace.resources import holds, unpacked
from meltemi.testkit.mesh import resources
from meltemi.testkit.translation import holding, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envoy.config.cluster.v3.cluster_pb2 import Cluster
    from envoy.config.listener.v3.listener_components_pb2 import FilterChain
    from envoy.config.listener.v3.listener_pb2 import Listener
    from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost

    from meltemi.pilot.snapshot import Snapshot
    from meltemi.pilot.trace import Resources

HTTP: Final = "80 http HTTP"
TCP: Final = "80 tcp TCP"
ANYWHERE: Final = "10.9.9.9"
"""An address that no service has."""


def the(kind: str, name: str, spec: str, namespace: str = "default") -> str:
    """Return an object; ``spec`` is what stands between the braces."""
    api_version = KIND_BY_NAME[kind].api_version
    return (
        f"\n---\napiVersion: {api_version}\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )


def service(
    name: str,
    *ports: str,
    more: str = "resolution: STATIC, endpoints: [{address: 10.0.1.1}]",
    namespace: str = "default",
) -> str:
    """Return a service of the mesh, ``NAME.NAMESPACE.svc.cluster.local``.

    A port is ``NUMBER NAME PROTOCOL``, and 80 for HTTP when none is given. A name with
    a dot is the whole host.
    """
    host = name if "." in name else f"{name}.{namespace}.svc.cluster.local"
    written = ", ".join(
        f"{{number: {number}, name: {called}, protocol: {protocol}}}"
        for number, called, protocol in (port.split() for port in ports or (HTTP,))
    )
    spec = f"hosts: ['{host}'], location: MESH_INTERNAL, ports: [{written}], {more}"
    called = name.replace("*", "any").replace(".", "-")
    return the("ServiceEntry", called, spec, namespace)


def to(host: str, more: str = "") -> str:
    """Return an entry of ``http`` that sends everything to ``host``."""
    return f"{{route: [{{destination: {{host: {host}}}}}], {more}}}"


def snapshot(
    text: str,
    *,
    node: str = "sidecar~10.0.0.9~caller.default~default.svc.cluster.local",
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Snapshot:
    """Return what a proxy of the mesh of ``text`` is to hold."""
    asking = proxy(node, {"LABELS": dict(labels or {}), **(metadata or {})})
    return translated(holding(resources(text)), asking.group)


def opened(made: Snapshot) -> Resources:
    """Return a snapshot as Envoy's messages."""
    return read(
        {
            kind: [stored.body for stored in named.values()]
            for kind, named in made.resources.items()
        }
    )


def sidecar(
    text: str,
    *,
    labels: Mapping[str, str] | None = None,
    namespace: str = "default",
    address: str = "10.0.0.9",
    metadata: Mapping[str, object] | None = None,
) -> Resources:
    """Return what a sidecar holds whose traffic is captured."""
    node = f"sidecar~{address}~caller.{namespace}~{namespace}.svc.cluster.local"
    return opened(snapshot(text, node=node, labels=labels, metadata=metadata))


def gateway(text: str) -> Resources:
    """Return what a gateway holds, labelled ``istio: ingressgateway``."""
    node = "router~10.0.0.20~edge.istio-system~istio-system.svc.cluster.local"
    return opened(snapshot(text, node=node, labels={"istio": "ingressgateway"}))


def ask(
    held: Resources,
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    address: str = ANYWHERE,
    tls: Tls | None = None,
) -> Answer:
    """Return what becomes of a request: ``url`` is ``HOST[:PORT]/PATH``.

    The port is where the connection goes, 80 when none is given; the host is sent as
    it stands.
    """
    host, _, path = url.partition("/")
    port = host.partition(":")[2]
    given = tuple((headers or {}).items())
    request = Http(host, f"/{path}", method, headers=given)
    return trace(held, Call(address, int(port or 80), tls=tls, http=request))


def names(answer: Answer) -> list[str]:
    """Return the clusters a call may go to."""
    return [each.cluster for each in answer.targets]


def cluster(held: Resources, name: str, port: int = 80, subset: str = "") -> Cluster:
    """Return the cluster of a service in ``default``, or of a whole host."""
    host = name if "." in name else f"{name}.default.svc.cluster.local"
    return held.clusters[f"outbound|{port}|{subset}|{host}"]


def host(held: Resources, table: str, domain: str) -> VirtualHost:
    """Return the virtual host that has ``domain``."""
    return next(
        each for each in held.routes[table].virtual_hosts if domain in each.domains
    )


def only(held: Resources, table: str, domain: str) -> Route:
    """Return the only route of a virtual host."""
    (found,) = host(held, table, domain).routes
    return found


def listener(held: Resources, name: str) -> Listener:
    """Return a listener by its name."""
    return next(each for each in held.listeners if each.name == name)


def manager(chain: FilterChain) -> hcm.HttpConnectionManager:
    """Return what manages the requests of a chain.

    Raises:
        LookupError: If nothing does.

    """
    for each in chain.filters:
        found = unpacked(each.typed_config, hcm.HttpConnectionManager)
        if found is not None:
            return found
    raise LookupError(f"chain {chain.name!r} does not manage requests")


def managed(chain: FilterChain) -> bool:
    """Tell whether requests are managed on a chain."""
    kind = hcm.HttpConnectionManager
    return any(holds(each.typed_config, kind) for each in chain.filters)


def chains(held: Resources, name: str) -> Iterable[FilterChain]:
    """Return the filter chains of a listener, the default one last."""
    found = listener(held, name)
    return (*found.filter_chains, found.default_filter_chain)


def refused(text: str) -> str:
    """Return what the door has against ``text``; empty: nothing."""
    try:
        decode(text.encode(), file="f.yaml", default_namespace="default")
    except InvalidConfigError as error:
        return str(error)
    return ""
