"""The demo where nothing tells an application of its proxy, and nobody is root."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.local.pods.trial import trouble
from meltemi.ctl.local.record import Mode
from meltemi.testkit.hello import HELLO
from meltemi.testkit.pods import called, resolved
from meltemi.testkit.processes import SYSTEM_PYTHON
from meltemi.testkit.up import (
    Up,
    answer,
    answers,
    demo,
    eventually,
    no_other_user,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534
WHY = no_other_user() or trouble(Mode.ROOTLESS)
pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(WHY), reason=WHY),
]


@pytest.fixture(scope="module")
def mesh() -> Iterator[Up]:
    with demo(user=NOBODY) as up:
        yield up


def test_up_chooses_it_by_itself_and_says_why(mesh: Up) -> None:
    found = mesh.json("status")["capture"]
    assert found["mode"] == "rootless"
    assert "any user may make namespaces" in found["why"]


def test_nothing_of_it_runs_as_root(mesh: Up) -> None:
    users = {process.uids().real for process in mesh.processes()}
    assert users == {NOBODY}


def test_the_product_page_shows_reviews_of_all_three_versions(mesh: Up) -> None:
    assert "<html" in answer(mesh.url("app")).text
    url = mesh.url("app").replace("/productpage", "/api/v1/products/0/reviews")
    found = answers(url, 60)
    assert {each.status_code for each in found} == {200}
    assert {each.json()["version"] for each in found} == {"v1", "v2", "v3"}


def test_an_application_calls_a_plain_name_and_mutual_tls_carries_it(mesh: Up) -> None:
    seen = called(mesh, "productpage-v1", "http://reviews:9080/headers")
    headers = {name.lower(): value for name, value in seen.get("headers", seen).items()}
    identity = "URI=spiffe://cluster.local/ns/default/sa/bookinfo-productpage"
    assert identity in headers["x-forwarded-client-cert"]


def test_the_name_of_a_service_is_an_address_that_only_the_mesh_has(mesh: Up) -> None:
    assert resolved(mesh, "productpage-v1", "reviews").startswith("240.240.")


def test_plain_text_from_beside_the_mesh_is_refused(mesh: Up) -> None:
    entry = mesh.json("get", "workloadentry", "details-v1")["spec"]
    assert entry["ports"] == {"http": 9080}
    found = called(mesh, "gateway", f"http://{entry['address']}:9080/details/0")
    assert "reset" in found["error"] or "closed" in found["error"]


def test_an_application_is_reached_from_the_machine_at_its_door(mesh: Up) -> None:
    address = mesh.address("ratings-v1-app", "http")
    assert answer(f"http://{address}/ratings/0").status_code == 200


def test_pods_that_died_come_back_with_all_that_is_in_them(mesh: Up) -> None:
    killed = mesh.do("kill", "pods")
    assert "killed gateway" in killed
    mesh.do("up", "--demo")
    eventually(
        lambda: answer(mesh.url("app")).status_code == 200,
        seconds=20,
        what="the product page is back",
    )


def test_another_capture_is_not_put_over_a_mesh_that_runs(mesh: Up) -> None:
    refused = mesh.run("up", "--demo", "--capture=explicit")
    assert refused.returncode != 0
    assert "run meltemi down" in refused.stderr


HELLO_OUTSIDE = f"""{HELLO}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: hello}}
spec:
  hosts: ["*"]
  gateways: [bookinfo-gateway]
  http:
  - match: [{{uri: {{prefix: /through}}}}]
    route: [{{destination: {{host: hello}}}}]
"""
THROUGH = """
import http.server, os, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host, port = (os.environ["REVIEWS_SERVICE_" + each] for each in ("HOST", "PORT"))
        with urllib.request.urlopen(f"http://{host}:{port}/headers", timeout=5) as answer:
            body = answer.read()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""


def test_a_workload_of_ones_own_is_called_and_calls(mesh: Up) -> None:
    mesh.apply(HELLO_OUTSIDE)
    words = ["--service", "hello", "--port", "8080", "--upstream", "reviews:9080=18090"]
    own = [*mesh.before, "-m", "meltemi.ctl", "--state", str(mesh.state), "run", *words]
    with subprocess.Popen([*own, "--", SYSTEM_PYTHON, "-c", THROUGH]) as running:
        url = mesh.url("app").replace("/productpage", "/through")
        try:
            eventually(
                lambda: answer(url).status_code == 200, seconds=30, what="it is there"
            )
            assert "bookinfo-reviews" in answer(url).text
        finally:
            running.terminate()
    assert "hello-" not in mesh.do("get", "workloadentries")
    mesh.do("delete", "-f", "-", stdin=HELLO_OUTSIDE)


CALLING = """
import json, urllib.request
with urllib.request.urlopen("http://reviews:9080/headers", timeout=10) as answer:
    print(answer.status, answer.read().decode())
"""


def test_a_workload_of_ones_own_calls_services_by_their_names(mesh: Up) -> None:
    words = ("--service", "hello", "--port", "8080", "--", SYSTEM_PYTHON, "-c", CALLING)
    said = mesh.do("run", *words)
    assert "200 " in said
    assert "/sa/hello" in said, "under mutual TLS, as what it is"


def test_a_workload_that_is_in_no_pod_is_called_all_the_same(
    mesh: Up, tmp_path: Path
) -> None:
    mesh.apply(HELLO_OUTSIDE)
    token = mesh.do("token", "create", "--ns", "default", "--sa", "hello").strip()
    words = ["--service", "hello", "--port", "8080:http", "--token", token]
    elsewhere = Up(tmp_path / "e")
    own = [*elsewhere.before, "-m", "meltemi.ctl", "--state", str(elsewhere.state)]
    served = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "8080"]
    join = [*own, "workload", "join", mesh.url("galley"), *words, "--", *served]
    with subprocess.Popen(join) as running:
        url = mesh.url("app").replace("/productpage", "/through")
        try:
            eventually(
                lambda: (
                    answer(url).headers.get("server") == "istio-envoy"
                    and answer(url).status_code == 404
                ),
                seconds=30,
                what="the file server answers through the gateway",
            )
        finally:
            running.terminate()
    mesh.do("delete", "-f", "-", stdin=HELLO_OUTSIDE)
