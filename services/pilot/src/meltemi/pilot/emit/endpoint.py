"""Load assignments, as Envoy's ClusterLoadAssignment."""

from __future__ import annotations

from envoy.config.core.v3.base_pb2 import Locality, Metadata
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.endpoint.v3.endpoint_components_pb2 import (
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf.wrappers_pb2 import UInt32Value

from meltemi.pilot import ir
from meltemi.pilot.emit.wire import optional_uint, socket_address

HEALTH = {
    ir.EndpointHealth.HEALTHY: HealthStatus.UNKNOWN,
    ir.EndpointHealth.UNHEALTHY: HealthStatus.UNHEALTHY,
    ir.EndpointHealth.DRAINING: HealthStatus.DRAINING,
}
TLS_MATCH = "envoy.transport_socket_match"
TLS_MODE = "tlsMode"
TLS_ISTIO = "istio"


def assignment(members: ir.LoadAssignment) -> ClusterLoadAssignment:
    """Return the endpoints of a cluster, grouped by place."""
    return ClusterLoadAssignment(
        cluster_name=members.cluster,
        endpoints=[_locality(each) for each in members.localities],
    )


def _locality(group: ir.LocalityEndpoints) -> LocalityLbEndpoints:
    place = group.locality
    result = LocalityLbEndpoints(
        lb_endpoints=[_endpoint(each) for each in group.endpoints]
    )
    if place is not None:
        result.locality.CopyFrom(
            Locality(region=place.region, zone=place.zone, sub_zone=place.subzone)
        )
        if group.share:
            result.load_balancing_weight.CopyFrom(UInt32Value(value=group.share))
    result.priority = group.priority
    return result


def _endpoint(endpoint: ir.Endpoint) -> LbEndpoint:
    return LbEndpoint(
        endpoint=Endpoint(
            address=socket_address(endpoint.address, endpoint.port),
            additional_addresses=[
                Endpoint.AdditionalAddress(address=socket_address(each, endpoint.port))
                for each in endpoint.more_addresses
            ],
        ),
        health_status=HEALTH[endpoint.health],
        metadata=_metadata(endpoint),
        load_balancing_weight=optional_uint(endpoint.weight or None),
    )


def _metadata(endpoint: ir.Endpoint) -> Metadata:
    metadata = Metadata()
    if endpoint.tls:
        metadata.filter_metadata[TLS_MATCH].update({TLS_MODE: TLS_ISTIO})
    if endpoint.workload:
        metadata.filter_metadata["istio"].update({"workload": endpoint.workload})
    return metadata
