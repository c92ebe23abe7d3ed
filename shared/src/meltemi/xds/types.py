"""The resource types a proxy asks for, and the order they must reach it in."""

from __future__ import annotations

from enum import StrEnum


class TypeUrl(StrEnum):
    """Envoy's names for the types Pilot serves."""

    CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    ENDPOINT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
    ROUTE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
    VIRTUAL_HOST = "type.googleapis.com/envoy.config.route.v3.VirtualHost"
    EXTENSION = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
    SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type's name

    @property
    def short(self) -> str:
        """The name people say, such as ``cds`` or ``ecds``."""
        return SHORT[self]

    @property
    def wildcard(self) -> bool:
        """Whether a proxy gets all resources, rather than those it names."""
        return self in WILDCARD


WILDCARD = (TypeUrl.CLUSTER, TypeUrl.LISTENER)

SHORT = {
    TypeUrl.CLUSTER: "cds",
    TypeUrl.ENDPOINT: "eds",
    TypeUrl.LISTENER: "lds",
    TypeUrl.ROUTE: "rds",
    TypeUrl.VIRTUAL_HOST: "vhds",
    TypeUrl.EXTENSION: "ecds",
    TypeUrl.SECRET: "sds",
}

TARGETS = (TypeUrl.CLUSTER, TypeUrl.ENDPOINT)
"""What traffic goes to. Must be in place before anything sends traffic there."""

REFERRERS = (TypeUrl.LISTENER, TypeUrl.ROUTE, TypeUrl.VIRTUAL_HOST)
"""What sends traffic. A cluster may leave only when none of these needs it."""

EMPTY = "empty"
"""The version of a resource that is asked for and has no content: an endpoint list
of a cluster nobody knows. Envoy waits for ever where it gets no answer at all."""
