from __future__ import annotations

from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.config.schema.workload_group import WorkloadGroup
from meltemi.pilot.model.workload_group import (
    by_name,
    group_labels,
    group_settings,
    joined,
)
from meltemi.testkit.mesh import indexed, mesh

GROUP = """
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadGroup
    metadata: {name: reviews, namespace: default}
    spec:
      metadata: {labels: {app: reviews, version: v1}}
      template:
        ports: {http: 9080, admin: 9090}
        labels: {app: template, tier: front}
        network: far
        locality: region/zone
        weight: 3
        serviceAccount: reviews
    """


def entry(spec: str, group: str = "reviews", namespace: str = "default") -> str:
    return f"""
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata:
      name: reviews-1
      namespace: {namespace}
      annotations: {{istio.io/autoRegistrationGroup: {group}}}
    spec: {{{spec}}}
    """


def only(text: str) -> WorkloadEntry:
    made = mesh(GROUP + text)
    (one,) = joined(made.of(WorkloadEntry), by_name(made.of(WorkloadGroup)))
    return one.spec


def test_a_workload_has_what_its_group_says() -> None:
    assert only(entry("address: 10.0.0.1")) == WorkloadEntry(
        address="10.0.0.1",
        ports={"http": 9080, "admin": 9090},
        labels={"app": "reviews", "version": "v1", "tier": "front"},
        network="far",
        locality="region/zone",
        weight=3,
        service_account="reviews",
    )


def test_what_a_workload_says_itself_wins() -> None:
    own = (
        "address: 10.0.0.1, ports: {http: 1}, labels: {version: v2}, network: near, "
        "locality: here, weight: 0, serviceAccount: own"
    )
    assert only(entry(own)) == WorkloadEntry(
        address="10.0.0.1",
        ports={"http": 1, "admin": 9090},
        labels={"app": "reviews", "version": "v2", "tier": "front"},
        network="near",
        locality="here",
        weight=0,
        service_account="own",
    )


def test_a_group_of_another_name_or_namespace_says_nothing() -> None:
    bare = WorkloadEntry(address="10.0.0.1")
    assert only(entry("address: 10.0.0.1", group="gone")) == bare
    assert only(entry("address: 10.0.0.1", namespace="prod")) == bare


def test_services_find_workloads_by_their_groups_labels() -> None:
    service = """
    ---
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews, namespace: default}
    spec:
      hosts: [reviews.example.com]
      resolution: STATIC
      ports: [{number: 80, name: http, protocol: HTTP}]
      workloadSelector: {labels: {tier: front}}
    """
    index = indexed(GROUP + service + entry("address: 10.0.0.1"))
    (found,) = index.services.all
    (instance,) = found.instances
    assert (instance.port, instance.weight, instance.network) == (9080, 3, "far")


def test_a_groups_own_labels_win_over_its_templates() -> None:
    (group,) = mesh(GROUP).of(WorkloadGroup)
    assert group_labels(group.spec)["app"] == "reviews"


def test_a_groups_annotation_sets_its_proxies_if_it_can_be_read() -> None:
    def settings(text: str) -> bool:
        written = GROUP.replace(
            "labels: {app: reviews, version: v1}",
            f"annotations: {{proxy.istio.io/config: '{text}'}}",
        )
        (group,) = mesh(written).of(WorkloadGroup)
        return group_settings(group.spec) is not None

    assert settings("concurrency: 2")
    assert not settings("{")
    (plain,) = mesh(GROUP).of(WorkloadGroup)
    assert group_settings(plain.spec) is None
