from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace import (
    Answer,
    Endpoint,
    resources,
    trace,
)
from meltemi.testkit.held import (
    CALL,
    chain,
    cluster,
    listener,
    weighted,
)

if TYPE_CHECKING:
    from envoy.config.cluster.v3.cluster_pb2 import Cluster

ADDRESS = {"socket_address": {"address": "10.9.0.1", "port_value": 8080}}
DRAINING = {
    "endpoint": {"address": ADDRESS},
    "load_balancing_weight": 3,
    "health_status": "DRAINING",
}
GROUP = {
    "locality": {"region": "r", "zone": "z"},
    "priority": 1,
    "lb_endpoints": [DRAINING, {"endpoint": {"address": {"pipe": {"path": "/run/x"}}}}],
}
ENDPOINTS = {"cluster_name": "by-name", "endpoints": [GROUP]}
FOUND = (
    Endpoint("10.9.0.1", 8080, "r/z", priority=1, weight=3, healthy=False),
    Endpoint("/run/x", 0, "r/z", priority=1),
)


def answer(*clusters: Cluster) -> Answer:
    names = [each.name for each in clusters]
    shares = [{"name": each, "weight": 1} for each in (*names, "gone")]
    one = listener("l", "10.0.0.1", 80, chain("c", weighted({"clusters": shares})))
    by_name = ParseDict(ENDPOINTS, ClusterLoadAssignment())
    return trace(resources([one], [], clusters, [by_name]), CALL)


def test_endpoints_come_by_eds_with_the_cluster_or_are_where_the_call_went() -> None:
    eds = cluster("a", type="EDS", eds_cluster_config={"service_name": "by-name"})
    static = cluster("b", type="STATIC", load_assignment=ENDPOINTS)
    through = cluster("c", type="ORIGINAL_DST")
    port = {"upstream_port_override": 8443}
    other = cluster("d", type="ORIGINAL_DST", original_dst_lb_config=port)
    assert [each.endpoints for each in answer(eds, static, through, other).targets] == [
        FOUND,
        FOUND,
        (Endpoint("10.0.0.1", 80),),
        (Endpoint("10.0.0.1", 8443),),
        (),
    ]


def test_one_cluster_of_several_may_be_missing() -> None:
    found = answer(cluster("a"))
    assert found.problem is None
    assert found.steps[-1].why == "the proxy has no cluster gone"
