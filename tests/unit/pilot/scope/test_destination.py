from __future__ import annotations

from meltemi.pilot.scope.destination import destination_rules, for_workload
from meltemi.testkit.mesh import indexed

SERVICE = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews, namespace: shop}
    spec:
      hosts: [reviews.shop.svc.cluster.local]
      resolution: DNS
      ports: [{number: 80, name: http, protocol: HTTP}]
    """


def rule(name: str, namespace: str, host: str, extra: str = "") -> str:
    return f"""
    ---
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {{name: {name}, namespace: {namespace}}}
    spec: {{host: {host}{extra}}}
    """


def chosen(text: str, *, caller: str = "web", app: str = "") -> str | None:
    index = indexed(SERVICE + text)
    rules = destination_rules(
        index.destination_rules,
        HOST,
        home="shop",
        caller=caller,
        root_namespace="istio-system",
    )
    found = for_workload(rules, namespace=caller, labels={"app": app})
    if found is None:
        return None
    metadata = found.rule.metadata
    subsets = [each.name for each in found.rule.spec.subsets]
    return f"{metadata.namespace}/{metadata.name} {subsets}"


HOST = "reviews.shop.svc.cluster.local"


def test_the_callers_namespace_is_asked_first_then_the_services_then_the_root() -> None:
    root = rule("r", "istio-system", HOST)
    home = rule("h", "shop", "reviews")
    own = rule("o", "web", HOST)
    assert chosen("") is None
    assert chosen(root) == "istio-system/r []"
    assert chosen(root + home) == "shop/h []"
    assert chosen(root + home + own) == "web/o []"


def test_a_rule_that_is_not_exported_is_not_seen() -> None:
    assert chosen(rule("h", "shop", "reviews", ", exportTo: ['.']")) is None
    assert chosen(rule("h", "shop", "reviews", ", exportTo: [web]")) == "shop/h []"


def test_the_most_specific_host_of_a_namespace_wins() -> None:
    wide = rule("wide", "shop", "'*.shop.svc.cluster.local'")
    exact = rule("exact", "shop", "reviews")
    assert chosen(wide) == "shop/wide []"
    assert chosen(wide + exact) == "shop/exact []"


def test_rules_for_one_host_join_their_subsets() -> None:
    one = rule("one", "shop", "reviews", ", subsets: [{name: v1}]")
    two = rule("two", "shop", "reviews", ", subsets: [{name: v1}, {name: v2}]")
    assert chosen(one + two) == "shop/one ['v1', 'v2']"


def test_a_rule_for_selected_callers_is_for_them_alone() -> None:
    selecting = rule(
        "mine", "web", HOST, ", workloadSelector: {matchLabels: {app: front}}"
    )
    assert chosen(selecting, app="front") == "web/mine []"
    assert chosen(selecting, app="back") is None
