"""docker-compose.yml as it is, in a Docker daemon: what it comes up to, and bears."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.compose import RESET

if TYPE_CHECKING:
    from meltemi.testkit.compose import ComposeMesh

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

PROXIES = {
    "gateway.istio-system",
    *(f"{name}.default" for name in ("productpage-v1", "details-v1", "ratings-v1")),
    *(f"reviews-{version}.default" for version in ("v1", "v2", "v3")),
}
METRICS = (
    "import urllib.request as r;"
    "print(r.urlopen('http://127.0.0.1:15021/stats/prometheus').read().decode())"
)
CALLER = re.compile(r'source_principal="([^"]*)"')
POLICY = re.compile(r'connection_security_policy="([^"]*)"')
PERMISSIVE = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: details-open, namespace: default}
spec: {selector: {matchLabels: {app: details}}, mtls: {mode: PERMISSIVE}}
"""
RETRIED = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews-retried}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews}}]
    retries: {attempts: 4, retryOn: "connect-failure,reset,503"}
"""


def test_it_ends_ready_with_every_proxy_at_the_newest_revision(
    mesh: ComposeMesh,
) -> None:
    def unready() -> list[str]:
        left = {e["proxy"] for e in mesh.json("ps") if not e["connected"]} - PROXIES
        parts = [e for e in mesh.json("status")["parts"] if e["name"] not in left]
        missing = PROXIES - {each["name"] for each in parts}
        return sorted(missing | {e["name"] for e in parts if not e["healthy"]})

    mesh.until(lambda: unready() == [])
    rows = [each for each in mesh.json("ps") if each["connected"]]
    assert {each["proxy"] for each in rows} == PROXIES
    assert {each["pilot"] for each in rows} <= {"pilot-0", "pilot-1"}


def test_the_product_page_is_served_through_the_gateway(mesh: ComposeMesh) -> None:
    mesh.until(lambda: mesh.get("/productpage")[0] == 200)
    seen = {mesh.get("/api/v1/products/0/reviews")[1] for _ in range(30)}
    for version in ("v1", "v2", "v3"):
        assert any(f'"version": "{version}"' in each for each in seen), version


@pytest.mark.parametrize("host", ["details", "reviews-v1", "productpage"])
def test_plain_text_from_outside_of_the_mesh_is_cut_by_who_is_there(
    mesh: ComposeMesh, host: str
) -> None:
    assert mesh.get("/productpage")[0] == 200
    assert mesh.outsider(f"http://{host}:9080/health") == RESET
    assert mesh.outsider("http://nobody:9080/health").startswith("failed")


def test_it_is_strict_that_cuts_plain_text(mesh: ComposeMesh) -> None:
    url = "http://details:9080/health"
    mesh.apply(PERMISSIVE)
    try:
        mesh.until(lambda: mesh.outsider(url) == "answered 200")
    finally:
        mesh.delete(PERMISSIVE)
    mesh.until(lambda: mesh.outsider(url) == RESET)


def test_workloads_call_each_other_by_mutual_tls_with_their_own_certificates(
    mesh: ComposeMesh,
) -> None:
    def callers() -> set[tuple[str, str]]:
        """Return who called details, as its proxy counted them, and how."""
        mesh.get("/productpage")
        told = mesh.inside("details-v1-proxy", "python3", "-c", METRICS)
        return {
            (caller[1], policy[1])
            for line in told.splitlines()
            if line.startswith("istio_requests_total") and 'reporter="dest' in line
            if (caller := CALLER.search(line)) and (policy := POLICY.search(line))
        }

    page = "spiffe://cluster.local/ns/default/sa/bookinfo-productpage"
    mesh.until(lambda: (page, "mutual_tls") in callers())
    assert {each for each in callers() if each[1] == "mutual_tls"} == {
        (page, "mutual_tls")
    }


def test_the_rules_are_set_where_the_network_is_held_and_nobody_else_may(
    mesh: ComposeMesh,
) -> None:
    rules = mesh.inside("reviews-v1-pod", "iptables-save", "-t", "nat")
    assert "-A MELTEMI_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006" in rules
    assert "-A MELTEMI_REDIRECT -p tcp -j REDIRECT --to-ports 15001" in rules
    assert "DOCKER_OUTPUT" in rules, "Docker's own names still resolve"
    status = mesh.inside("reviews-v1-proxy", "cat", "/proc/1/status")
    assert "CapBnd:\t0000000000000000" in status


def test_an_application_restarts_without_losing_its_neighbours(
    mesh: ComposeMesh,
) -> None:
    reviews = "/api/v1/products/0/reviews"
    beside = ("reviews-v1-pod", "reviews-v1-proxy")
    everybody = (*beside, "reviews-v1")
    mesh.until(lambda: '"version": "v1"' in mesh.get(reviews)[1])
    since = {name: mesh.started(name) for name in everybody}
    networks = {mesh.network_of(name) for name in everybody}
    assert len(networks) == 1, "application, proxy and pod share one"
    mesh.apply(RETRIED)
    try:
        with mesh.load(reviews, said='"version": "v') as load:
            mesh.run("restart", "--timeout", "5", "reviews-v1")
            mesh.until(lambda: load.answered > 20)
    finally:
        mesh.delete(RETRIED)
    assert load.failed == [], "who calls reviews meets another of them meanwhile"
    assert mesh.started("reviews-v1") != since["reviews-v1"]
    assert {name: mesh.started(name) for name in beside} == {
        name: since[name] for name in beside
    }
    assert {mesh.network_of(name) for name in everybody} == networks
    mesh.until(lambda: '"version": "v1"' in mesh.get(reviews)[1])
    assert mesh.outsider("http://reviews-v1:9080/health") == RESET, "still captured"


def test_a_stranger_learns_readiness_of_an_agent_and_orders_nothing(
    mesh: ComposeMesh,
) -> None:
    agent = "http://reviews-v1:15021"
    assert mesh.outsider(f"{agent}/healthz/ready") == "answered 200"
    for order in ("quitquitquit", "drain"):
        assert mesh.outsider(f"{agent}/{order}", method="POST") == "answered 403"
    assert mesh.outsider("http://reviews-v1:15000/") == RESET, "Envoy's admin"


def test_traffic_goes_on_when_a_pilot_is_killed(mesh: ComposeMesh) -> None:
    mesh.until(lambda: mesh.get("/productpage")[0] == 200)
    with mesh.load("/productpage") as load:
        mesh.run("kill", "pilot-0")
        mesh.until(
            lambda: {each["pilot"] for each in mesh.json("ps")} == {"pilot-1"},
        )
        mesh.run("start", "pilot-0")
    assert load.failed == []
    assert load.answered > 20


def test_a_proxy_that_starts_anew_is_back_by_itself(mesh: ComposeMesh) -> None:
    mesh.run("restart", "--timeout", "10", "details-v1-proxy")
    mesh.until(lambda: mesh.get("/api/v1/products/0")[0] == 200)
