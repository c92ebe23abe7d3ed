"""EnvoyFilter: changes of the Envoy configuration that the other kinds cannot say."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from meltemi.config.schema.free_form import FreeForm
from meltemi.config.schema.message import Message, OneOf
from meltemi.config.schema.selector import WorkloadSelector
from meltemi.config.schema.target import PolicyTargetReference
from meltemi.config.values import Int32, UInt32


class ApplyTo(StrEnum):
    """What is changed."""

    INVALID = "INVALID"
    LISTENER = "LISTENER"
    FILTER_CHAIN = "FILTER_CHAIN"
    NETWORK_FILTER = "NETWORK_FILTER"
    HTTP_FILTER = "HTTP_FILTER"
    ROUTE_CONFIGURATION = "ROUTE_CONFIGURATION"
    VIRTUAL_HOST = "VIRTUAL_HOST"
    HTTP_ROUTE = "HTTP_ROUTE"
    CLUSTER = "CLUSTER"
    EXTENSION_CONFIG = "EXTENSION_CONFIG"
    """A resource of Envoy's extension discovery."""
    BOOTSTRAP = "BOOTSTRAP"
    LISTENER_FILTER = "LISTENER_FILTER"


class PatchContext(StrEnum):
    """On which side of which proxy."""

    ANY = "ANY"
    SIDECAR_INBOUND = "SIDECAR_INBOUND"
    SIDECAR_OUTBOUND = "SIDECAR_OUTBOUND"
    GATEWAY = "GATEWAY"
    WAYPOINT = "WAYPOINT"


class Operation(StrEnum):
    """How it is changed."""

    INVALID = "INVALID"
    MERGE = "MERGE"
    """Protobuf's merge: scalars replace, lists append."""
    ADD = "ADD"
    REMOVE = "REMOVE"
    INSERT_BEFORE = "INSERT_BEFORE"
    """Before the matched filter or route, or first."""
    INSERT_AFTER = "INSERT_AFTER"
    """After the matched filter or route, or last."""
    INSERT_FIRST = "INSERT_FIRST"
    REPLACE = "REPLACE"
    MERGE_AND_REPLACE_LIST = "MERGE_AND_REPLACE_LIST"
    """MERGE in which lists replace."""


class FilterClass(StrEnum):
    """Where in the chain an added filter stands."""

    UNSPECIFIED = "UNSPECIFIED"
    """At the end, before the router."""
    AUTHN = "AUTHN"
    """After Istio's authentication filters."""
    AUTHZ = "AUTHZ"
    """After Istio's authorization filters."""
    STATS = "STATS"
    """Before Istio's stats filters."""


class RouteAction(StrEnum):
    """What a route does."""

    ANY = "ANY"
    ROUTE = "ROUTE"
    REDIRECT = "REDIRECT"
    DIRECT_RESPONSE = "DIRECT_RESPONSE"


class ProxyMatch(Message, frozen=True, kw_only=True):
    """Which proxies."""

    proxy_version: str | None = None
    """An RE2 expression on the version, which is ``1.2.3`` or a build's name."""
    metadata: Mapping[str, str] = {}
    """String values of the node's metadata."""


class ClusterMatch(Message, frozen=True, kw_only=True):
    """Which clusters; absent fields match all."""

    port_number: UInt32 | None = None
    """Of the service."""
    service: str | None = None
    """The full name of the service."""
    subset: str | None = None
    """Of the service."""
    name: str | None = None
    """The whole name, instead of the parts."""


class RouteMatch(Message, frozen=True, kw_only=True):
    """Which route of a virtual host."""

    name: str | None = None
    """A route's name."""
    action: RouteAction | None = None
    """What the route does; default ANY."""


class VirtualHostMatch(Message, frozen=True, kw_only=True):
    """Which virtual host of a route configuration."""

    name: str | None = None
    """``host:port``, as generated."""
    domain_name: str | None = None
    """One of its domains."""
    route: RouteMatch | None = None


class RouteConfigurationMatch(Message, frozen=True, kw_only=True):
    """Which route configurations; absent fields match all."""

    port_number: UInt32 | None = None
    """Of the gateway's server, or of the service."""
    port_name: str | None = None
    """For gateways: the server's port name."""
    gateway: str | None = None
    """For gateways: ``namespace/name`` of the Gateway."""
    vhost: VirtualHostMatch | None = None
    name: str | None = None
    """Such as ``9080`` or ``http.80``."""


class SubFilterMatch(Message, frozen=True, kw_only=True):
    """Which filter inside a filter: an HTTP filter of the connection manager."""

    name: str | None = None
    """A filter's name, within an HTTP connection manager."""


class FilterMatch(Message, frozen=True, kw_only=True):
    """Which filter of a chain."""

    name: str | None = None
    """A network filter's name."""
    sub_filter: SubFilterMatch | None = None


class FilterChainMatch(Message, frozen=True, kw_only=True):
    """Which filter chain of a listener."""

    name: str | None = None
    """A chain's name."""
    sni: str | None = None
    """A server name that it matches."""
    transport_protocol: str | None = None
    """``tls`` or ``raw_buffer``."""
    application_protocols: str | None = None
    """Comma-separated ALPN names."""
    filter: FilterMatch | None = None
    destination_port: UInt32 | None = None
    """A port that it matches."""
    transport_socket: str | None = None
    """``raw_buffer`` or ``tls``, as it matches."""


class ListenerMatch(Message, frozen=True, kw_only=True):
    """Which listeners; absent fields match all."""

    port_number: UInt32 | None = None
    """Where it listens, or for which port."""
    port_name: str | None = None
    """Not in use, here as in Istio."""
    filter_chain: FilterChainMatch | None = None
    listener_filter: str | None = None
    """A listener filter's name."""
    name: str | None = None
    """A listener's name."""


class WaypointFilterMatch(Message, frozen=True, kw_only=True):
    """Which filter of a waypoint's chain."""

    name: str | None = None
    """A filter's name."""
    sub_filter: SubFilterMatch | None = None


class WaypointRouteMatch(Message, frozen=True, kw_only=True):
    """Which route of a waypoint."""

    name: str | None = None
    """A route's name."""


class WaypointMatch(Message, frozen=True, kw_only=True):
    """Which part of a waypoint."""

    filter: WaypointFilterMatch | None = None
    port_number: UInt32 | None = None
    """1..65535."""
    route: WaypointRouteMatch | None = None


class ConfigObjectMatch(OneOf, frozen=True, kw_only=True):
    """Which objects of which proxies. One kind of object, or all."""

    ONE_OF: ClassVar = (("listener", "route_configuration", "cluster", "waypoint"),)

    context: PatchContext | None = None
    """In which proxies, and which way; default ANY."""
    proxy: ProxyMatch | None = None
    listener: ListenerMatch | None = None
    route_configuration: RouteConfigurationMatch | None = None
    cluster: ClusterMatch | None = None
    waypoint: WaypointMatch | None = None


class Patch(Message, frozen=True, kw_only=True):
    """The change."""

    operation: Operation | None = None
    """What is done with it."""
    value: FreeForm | None = None
    """The Envoy message, or the part to merge, in JSON; not with REMOVE."""
    filter_class: FilterClass | None = None
    """For ADD of filters."""


class ConfigPatch(Message, frozen=True, kw_only=True):
    """One change of the matched objects."""

    apply_to: ApplyTo | None = None
    """What kind of thing is patched."""
    match: ConfigObjectMatch | None = None
    patch: Patch | None = None


class EnvoyFilter(Message, frozen=True, kw_only=True):
    """Changes, in order, for the selected workloads, a namespace, or the mesh."""

    workload_selector: WorkloadSelector | None = None
    """Absent: the whole namespace; in the root namespace: the whole mesh."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    """Instead of the selector, for gateways and waypoints."""
    config_patches: tuple[ConfigPatch, ...] = ()
    priority: Int32 | None = None
    """Lower comes first; default 0."""
