"""What the lenses say of the running demo, and what its Envoys hold and do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.up import answer, outbound
from meltemi.testkit.walkthrough import NINETY_TEN

if TYPE_CHECKING:
    from meltemi.testkit.up import Up

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

TRACE = ("trace", "GET", "http://reviews:9080/x", "--from", "productpage-v1")
REFUSING = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-x, namespace: default}
spec:
  selector: {matchLabels: {app: reviews}}
  action: DENY
  rules: [{to: [{operation: {paths: [/x]}}]}]
"""


def test_1_a_request_is_traced_through_the_proxies_that_run(mesh: Up) -> None:
    found = mesh.json(*TRACE)
    assert found["arrives"] is True
    assert found["client"]["proxy"] == "productpage-v1.default"
    dialled = outbound(mesh, "productpage-v1", "reviews").removeprefix("http://")
    first = found["client"]["steps"][0]
    assert first["why"] == f"bound to {dialled}", "where the application calls it"
    (server,) = found["servers"]
    assert server["proxy"] == "reviews-v1.default"
    handshake = next(each for each in server["steps"] if each["stage"] == "handshake")
    assert handshake["why"].endswith("/ns/default/sa/bookinfo-productpage")


def test_1_a_request_to_the_gateway_is_traced_to_the_product_page(mesh: Up) -> None:
    words = ("trace", "GET", "http://any.example/productpage", "--from", "gateway")
    found = mesh.json(*words)
    assert [each["proxy"] for each in found["servers"]] == ["productpage-v1.default"]


def test_1_a_rule_in_force_is_named_without_a_file(mesh: Up) -> None:
    mesh.apply(NINETY_TEN)
    try:
        found = mesh.json(*TRACE)
        steps = {each["stage"]: each for each in found["client"]["steps"]}
        (origin,) = steps["route"]["origins"]
        assert origin["object"] == "VirtualService/default/reviews"
        assert origin["path"] == "spec.http[0]"
        assert not origin["file"]
        assert len(found["client"]["targets"]) == 2
    finally:
        mesh.do("delete", "-f", "-", stdin=NINETY_TEN)


def test_1_what_a_policy_refuses_is_foretold_and_refused(mesh: Up) -> None:
    words = ("--from", "productpage-v1", "--to", "reviews-v1", "--port", "9080")
    allowed = mesh.run("authz", "explain", *words, "--path", "/x")
    assert (allowed.returncode, allowed.stdout.splitlines()[-1]) == (0, "allowed")
    mesh.apply(REFUSING)
    try:
        refused = mesh.run("authz", "explain", *words, "--path", "/x")
        assert refused.returncode == 1
        assert "AuthorizationPolicy/default/no-x spec.rules[0]" in refused.stdout
        traced = mesh.run(*TRACE)
        assert traced.returncode == 1
        assert (
            traced.stdout.splitlines()[-1] == "fails at reviews-v1.default: ErrDenied"
        )
        url = outbound(mesh, "productpage-v1", "reviews") + "/x"
        assert answer(url).status_code == 403, "the Envoys agree"
    finally:
        mesh.do("delete", "-f", "-", stdin=REFUSING)


def test_1_what_is_translated_is_what_the_envoy_holds(mesh: Up) -> None:
    for proxy, more in (("reviews-v2", ()), ("gateway", ("--gateway",))):
        told = mesh.json("translate", "--proxy", proxy, *more)
        held = mesh.json("pc", "cluster", proxy)
        assert {each["name"] for each in told["clusters"]} == {
            each["cluster"]["name"] for each in held
        }
        assert told["clusters"]


def test_1_the_objects_behind_a_resource_are_told(mesh: Up) -> None:
    cluster = "outbound|9080||details.default.svc.cluster.local"
    said = mesh.do("explain", "proxy/productpage-v1", "cluster", cluster)
    assert said.splitlines()[1].strip() == "ServiceEntry/default/details"


def test_1_a_change_is_held_against_the_mesh_that_runs(mesh: Up) -> None:
    result = mesh.run("diff", "-f", "-", "--proxies", stdin=NINETY_TEN)
    assert result.returncode == 1
    table = "reviews.default.svc.cluster.local:9080"
    assert f"productpage-v1.default: rds {table} changed" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("of 7 proxies would change")


def test_1_a_host_or_workload_that_is_not_there_is_bad_input(mesh: Up) -> None:
    nowhere = mesh.run("trace", "GET", "http://nobody:9080/", "--from", "ratings-v1")
    assert nowhere.returncode == 65
    assert "reviews.default.svc.cluster.local" in nowhere.stderr
    nobody = mesh.run("trace", "GET", "http://reviews:9080/", "--from", "nobody")
    assert nobody.returncode == 65
    assert "gateway.istio-system" in nobody.stderr


def test_1_wide_tells_on_how_many_proxies_a_rule_is(mesh: Up) -> None:
    head, *rows = mesh.do("get", "se", "-o", "wide").splitlines()
    assert head.split()[-3:] == ["INSTALLED", "NOT", "ON"]
    assert {tuple(row.split()[-2:]) for row in rows} == {("7/7", "-")}
