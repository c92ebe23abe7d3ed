from __future__ import annotations

import pytest

from meltemi.config.analysis.findings import findings
from meltemi.config.finding import Severity

REVIEWS = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews}
spec:
  hosts: [reviews.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9080, name: http, protocol: HTTP}]
"""
ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination:
        host: %s
"""


def said(*texts: str) -> list[str]:
    named = [(f"{number}.yaml", text.encode()) for number, text in enumerate(texts)]
    return [str(each) for each in findings(named, default_namespace="default")]


def test_a_remark_names_the_line_of_the_field_it_is_about() -> None:
    (remark,) = said(REVIEWS, ROUTE % "nobody")
    assert remark == (
        "1.yaml:9:15: IST0101 VirtualService default/reviews: Referenced host not "
        'found: "nobody" (spec.http[0].route[0].destination.host)'
    )


def test_a_provider_that_is_not_there_is_named_with_its_line() -> None:
    telemetry = """\
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces}
spec:
  tracing:
  - providers:
    - name: tracer
"""
    (remark,) = said(telemetry)
    assert remark == (
        "0.yaml:7:13: UNKNOWN_PROVIDER Telemetry default/traces: The Telemetry traces "
        'in namespace "default" names the provider "tracer", which is none of the '
        "mesh's extensionProviders: it is told nothing. There are envoy, prometheus. "
        "(spec.tracing[0].providers[0].name)"
    )


def test_objects_of_different_texts_know_each_other() -> None:
    assert said(ROUTE % "reviews", REVIEWS) == []
    assert len(said(ROUTE % "reviews")) == 1


def test_the_line_counts_from_the_start_of_the_text_not_of_the_document() -> None:
    (remark,) = said(f"{REVIEWS}---\n{ROUTE % 'nobody'}")
    assert remark.startswith("0.yaml:18:15: ")


def test_an_object_the_door_refuses_is_reported_with_the_doors_words() -> None:
    broken = ROUTE.replace("http:", "htttp:") % "reviews"
    (finding,) = said(REVIEWS, broken)
    assert "unknown field 'htttp'" in finding


def test_the_door_also_warns() -> None:
    twice = (ROUTE % "reviews") + (ROUTE % "reviews").partition("http:\n")[2]
    (finding,) = findings(
        [("a", f"{REVIEWS}---\n{twice}".encode())], default_namespace="default"
    )
    assert finding.code == "IST0130"
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: b}\n",
        "apiVersion: v1\nkind: Service\nmetadata: 7\n",
        "apiVersion: v1\nkind: List\nitems: []\n",
        "7\n",
        "",
    ],
)
def test_what_is_not_the_meshs_is_not_judged(text: str) -> None:
    assert said(REVIEWS, text) == []


def test_kubernetes_services_can_be_called() -> None:
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: nobody, namespace: default}\n"
        "spec: {ports: [{name: http, port: 80}]}\n"
    )
    assert said(service, ROUTE % "nobody") == []


def test_text_that_is_no_yaml_is_reported_and_the_others_still_read() -> None:
    found = said("a: [", ROUTE % "nobody")
    assert found[0].startswith("0.yaml:")
    assert "IST0101" in found[-1]


def test_the_items_of_a_list_count_as_objects() -> None:
    items = "".join(f"  {line}\n" for line in REVIEWS.splitlines())
    listed = "apiVersion: v1\nkind: List\nitems:\n-" + items[1:]
    assert said(listed, ROUTE % "reviews") == []


def test_of_two_objects_of_one_name_the_later_counts() -> None:
    assert said(REVIEWS, ROUTE % "nobody", ROUTE % "reviews") == []
    (remark,) = said(REVIEWS, ROUTE % "reviews", ROUTE % "nobody")
    assert remark.startswith("2.yaml:")
