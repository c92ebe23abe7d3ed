from __future__ import annotations

from meltemi.pilot.ir import Locality
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.scope.scope import Scope, scope
from meltemi.testkit.mesh import indexed

NODE = "sidecar~10.0.0.1~reviews-1.default~default.svc.cluster.local"
MESH = """
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {name: default, namespace: istio-system}
    spec: {defaultConfig: {tracing: {sampling: 5}, proxyHeaders: {attemptCount: {disabled: true}}}}
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadGroup
    metadata: {name: reviews, namespace: default}
    spec:
      metadata:
        labels: {app: reviews, version: v1}
        annotations: {proxy.istio.io/config: "tracing: {sampling: 50}"}
      template: {network: far, locality: region/zone}
    """


def known(**metadata: object) -> Scope:
    return scope(indexed(MESH), proxy(NODE, metadata).group)


def test_a_proxy_of_a_group_is_known_by_what_that_says() -> None:
    made = known(AUTO_REGISTER_GROUP="reviews")
    assert dict(made.group.labels) == {"app": "reviews", "version": "v1"}
    assert made.group.locality == Locality("region", "zone")
    assert made.group.node.network == "far"
    assert made.group.node.workload_name == "reviews"


def test_what_a_node_says_itself_wins() -> None:
    made = known(
        AUTO_REGISTER_GROUP="reviews",
        LABELS={"version": "v2", "istio-locality": "here"},
        NETWORK="near",
        WORKLOAD_NAME="own",
    )
    assert dict(made.group.labels)["version"] == "v2"
    assert made.group.locality == Locality("here")
    assert (made.group.node.network, made.group.node.workload_name) == ("near", "own")


def test_a_groups_settings_go_over_the_meshs_field_by_field() -> None:
    made = known(AUTO_REGISTER_GROUP="reviews")
    assert made.proxy_defaults.tracing is not None
    assert made.proxy_defaults.tracing.sampling == 50
    assert not made.counts_attempts
    alone = known()
    assert alone.proxy_defaults.tracing is not None
    assert alone.proxy_defaults.tracing.sampling == 5


def test_a_group_that_is_not_there_changes_nothing() -> None:
    assert known(AUTO_REGISTER_GROUP="gone").group.labels == ()
