from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from meltemi.ctl.main import execute
from meltemi.testkit.bookinfo import MESH

if TYPE_CHECKING:
    from pathlib import Path

REVIEWS = "http://reviews:9080/x"
JASON = ["-H", "end-user: jason"]
PLAIN_TEXT = """\
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy: {tls: {mode: DISABLE}}
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH)
    return file


def traced(mesh: Path, *words: str) -> int:
    return execute(["trace", *words, "--from", "productpage-v1", "-f", str(mesh)])


def answer(mesh: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    traced(mesh, *words, "-o", "json")
    return json.loads(capsys.readouterr().out)


def test_the_header_decides_the_subset_and_the_line_is_told(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(mesh, capsys, "GET", REVIEWS, *JASON)
    steps = {each["stage"]: each for each in found["client"]["steps"]}
    assert steps["cluster"]["name"] == (
        "outbound|9080|v2|reviews.default.svc.cluster.local"
    )
    (origin,) = steps["route"]["origins"]
    assert origin["object"] == "VirtualService/default/reviews"
    assert origin["path"] == "spec.http[0]"
    line = mesh.read_text().splitlines()[origin["line"] - 1]
    assert "end-user" in line


def test_of_two_rules_without_a_name_the_one_that_matched_is_told(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(mesh, capsys, "GET", REVIEWS)
    steps = {each["stage"]: each for each in found["client"]["steps"]}
    assert steps["route"]["origins"][0]["path"] == "spec.http[1]"


def test_the_server_takes_the_callers_own_certificate(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(mesh, capsys, "GET", REVIEWS, *JASON)
    (server,) = found["servers"]
    assert server["proxy"] == "reviews-v2.default"
    handshake = next(each for each in server["steps"] if each["stage"] == "handshake")
    assert handshake["name"] == "mtls"
    assert handshake["why"].endswith("/ns/default/sa/bookinfo-productpage")
    assert found["arrives"] is True


def test_plain_text_to_a_strict_server_fails_and_says_where(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, rule, after = MESH.partition("kind: DestinationRule")
    assert rule
    head = before.rpartition("---\n")[0]
    mesh.write_text(head + PLAIN_TEXT + "---\n" + after.partition("---\n")[2])
    assert traced(mesh, "GET", REVIEWS) == 1
    assert "fails at reviews-v1.default" in capsys.readouterr().out


def test_a_host_that_nobody_has_is_a_mistake_of_the_caller(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert traced(mesh, "GET", "http://nobody:9080/") == 65
    assert "reviews.default.svc.cluster.local" in capsys.readouterr().err


def test_a_port_that_the_service_lacks_names_those_it_has(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert traced(mesh, "GET", "http://reviews/") == 65
    assert "no port 80, but 9080" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["reviews", "tcp://reviews", "ftp://reviews:1"])
def test_what_is_no_url_is_a_wrong_usage(mesh: Path, url: str) -> None:
    assert traced(mesh, "GET", url) == 64


def test_people_read_each_decision_with_its_object_and_line(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert traced(mesh, "GET", REVIEWS, *JASON) == 0
    printed = capsys.readouterr().out.replace(str(mesh), "mesh.yaml").splitlines()
    assert printed[-1] == "arrives"
    assert "productpage-v1.default (client)" in printed
    assert "      VirtualService/default/reviews spec.http[0] (mesh.yaml:60)" in printed


OUTSIDE = """\
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec:
  hosts: [a.example.com]
  gateways: [edge]
  http: [{rewrite: {uri: /x}, route: [{destination: {host: reviews, subset: v1}}]}]
"""


def test_a_request_from_outside_goes_through_the_gateway_it_names(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.write_text(mesh.read_text() + OUTSIDE)
    words = ["trace", "GET", "http://a.example.com/y", "--at", "edge", "-f", str(mesh)]
    assert execute([*words, "-o", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["client"]["proxy"] == "edge.istio-system"
    assert found["servers"][0]["proxy"] == "reviews-v1.default"
    manager = next(
        each
        for each in found["servers"][0]["steps"]
        if each["name"] == "http_connection_manager"
    )
    assert manager["why"] == "GET a.example.com/xy"
    assert found["problem"] == {"proxy": "reviews-v1.default", "code": "ErrDenied"}


@pytest.mark.parametrize("ends", [[], ["--from", "productpage-v1", "--at", "edge"]])
def test_a_request_comes_from_one_place(mesh: Path, ends: list[str]) -> None:
    assert execute(["trace", "GET", REVIEWS, *ends, "-f", str(mesh)]) == 64


REGISTRY_ONLY = """\
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default}
spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
"""


def test_where_only_what_is_known_may_be_called_other_addresses_lead_nowhere(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert traced(mesh, "CONNECT", "tcp://9.9.9.9:1") == 0
    mesh.write_text(MESH + REGISTRY_ONLY)
    assert traced(mesh, "CONNECT", "tcp://9.9.9.9:1") == 1
    assert "ErrNoEndpoint" in capsys.readouterr().out


ANY_PROTOCOL = """\
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: any}
spec:
  hosts: [any.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  addresses: [10.96.0.12]
  ports: [{number: 7777, name: any}]
  workloadSelector: {labels: {app: reviews}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gets}
spec:
  selector: {matchLabels: {app: reviews}}
  rules: [{to: [{operation: {methods: [GET]}}]}]
"""


def test_requests_to_a_port_without_a_protocol_are_judged_as_requests(
    mesh: Path,
) -> None:
    mesh.write_text(MESH + ANY_PROTOCOL)
    assert traced(mesh, "GET", "http://any:7777/") == 0
    assert traced(mesh, "POST", "http://any:7777/") == 1
    assert traced(mesh, "CONNECT", "tcp://any:7777") == 1


def test_a_host_header_is_whom_the_request_is_for(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(mesh, capsys, "GET", REVIEWS, "-H", "Host: productpage:9080")
    steps = {each["stage"]: each for each in found["client"]["steps"]}
    assert steps["virtual host"]["name"].startswith("productpage.")


@pytest.mark.parametrize("url", ["http://reviews:99999/x", "http://[::1", "http://a:b"])
def test_what_is_no_url_is_a_fault_of_usage(
    mesh: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert traced(mesh, "GET", url) == 64
    assert "is no URL" in capsys.readouterr().err
