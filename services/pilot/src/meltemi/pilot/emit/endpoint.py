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
PEER = ("workload", "namespace", "service", "revision")
"""What metrics call the parts of a workload's label."""


def assignment(members: ir.LoadAssignment) -> ClusterLoadAssignment:
    """Return the endpoints of a cluster, grouped by place."""
    return ClusterLoadAssignment(
        cluster_name=members.cluster,
        endpoints=[
            _locality(each, counted=members.counted) for each in members.localities
        ],
    )


def _locality(group: ir.LocalityEndpoints, *, counted: bool) -> LocalityLbEndpoints:
    place = group.locality
    result = LocalityLbEndpoints(
        lb_endpoints=[_endpoint(each, counted=counted) for each in group.endpoints]
    )
    if place is not None:
        result.locality.CopyFrom(
            Locality(region=place.region, zone=place.zone, sub_zone=place.subzone)
        )
        if group.share:
            result.load_balancing_weight.CopyFrom(UInt32Value(value=group.share))
    result.priority = group.priority
    return result


def _endpoint(endpoint: ir.Endpoint, *, counted: bool) -> LbEndpoint:
    return LbEndpoint(
        endpoint=Endpoint(
            address=socket_address(endpoint.address, endpoint.port),
            additional_addresses=[
                Endpoint.AdditionalAddress(address=socket_address(each, endpoint.port))
                for each in endpoint.more_addresses
            ],
        ),
        health_status=HEALTH[endpoint.health],
        metadata=_metadata(endpoint, counted=counted),
        load_balancing_weight=optional_uint(endpoint.weight or None),
    )


def _metadata(endpoint: ir.Endpoint, *, counted: bool) -> Metadata:
    metadata = Metadata()
    if endpoint.tls:
        metadata.filter_metadata[TLS_MATCH].update({TLS_MODE: TLS_ISTIO})
    if endpoint.workload:
        metadata.filter_metadata["istio"].update({"workload": endpoint.workload})
    if counted:
        metadata.filter_metadata["meltemi"].update(_counted(endpoint))
    return metadata


def _counted(endpoint: ir.Endpoint) -> dict[str, str]:
    """Return what metrics ask of an endpoint's workload; nothing it does not say."""
    found = dict(zip(PEER, endpoint.workload.split(";"), strict=False))
    found |= {"app": endpoint.app, "version": endpoint.version}
    found["cluster"] = endpoint.cluster
    return {key: value for key, value in found.items() if value}
