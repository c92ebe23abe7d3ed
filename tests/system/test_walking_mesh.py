"""The demo mesh does what it promises: real etcd, NATS, Envoy, and every service.

The tests share one mesh and stand in an order; each leaves the mesh as it found it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import httpx2
import psutil
import pytest

from meltemi.testkit.processes import accepts
from meltemi.testkit.up import Up, answers, demo, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

NETWORKING = "networking.istio.io/v1"
PLURALS = (
    "destinationrules",
    "gateways",
    "serviceentries",
    "virtualservices",
    "workloadentries",
)
CONTROL = ("galley", "citadel", "pilot-0", "pilot-1", "etcd", "nats")
SUBSETS = f"""
apiVersion: {NETWORKING}
kind: DestinationRule
metadata: {{name: reviews}}
spec:
  host: reviews
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - {{name: v2, labels: {{version: v2}}}}
"""
NINETY_TEN = f"""{SUBSETS}
---
apiVersion: {NETWORKING}
kind: VirtualService
metadata: {{name: reviews}}
spec:
  hosts: [reviews]
  http:
  - route:
    - {{destination: {{host: reviews, subset: v1}}, weight: 90}}
    - {{destination: {{host: reviews, subset: v2}}, weight: 10}}
"""


def delay(name: str, milliseconds: int) -> str:
    """Return a VirtualService that changes every proxy's routes, and no answer."""
    return f"""
apiVersion: {NETWORKING}
kind: VirtualService
metadata: {{name: {name}}}
spec:
  hosts: [{name}]
  http:
  - timeout: {10_000 + milliseconds}ms
    route: [{{destination: {{host: {name}}}}}]
"""


@pytest.fixture(scope="module")
def mesh() -> Iterator[Up]:
    with demo() as up:
        yield up


def reviews_url(mesh: Up) -> str:
    return mesh.url("app").replace("/productpage", "/api/v1/products/0/reviews")


def versions(mesh: Up, count: int) -> Counter[str]:
    found = answers(reviews_url(mesh), count)
    assert {each.status_code for each in found} == {200}
    return Counter(each.json()["version"] for each in found)


class Load:
    """Requests without a pause, counted by what came of them."""

    def __init__(self, url: str) -> None:
        self.url, self.seen = url, Counter[str]()
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx2.Client(timeout=10) as client:
            while not self._enough.is_set():
                try:
                    self.seen[str(client.get(self.url).status_code)] += 1
                except httpx2.HTTPError as error:
                    self.seen[repr(error)] += 1


def test_1_the_product_page_shows_reviews_of_all_three_versions(mesh: Up) -> None:
    page = answers(mesh.url("app"), 1)[0]
    assert page.status_code == 200
    assert "<html" in page.text
    assert set(versions(mesh, 60)) == {"v1", "v2", "v3"}


def outbound(mesh: Up, proxy: str, service: str) -> str:
    """Return where the application beside ``proxy`` finds ``service``."""
    host = f"{service}.default.svc.cluster.local:9080"
    listeners = mesh.json("pc", "listener", proxy)
    for each in listeners:
        listener = each["active_state"]["listener"]
        place = listener["address"]["socket_address"]
        for chain in listener["filter_chains"]:
            config = chain["filters"][-1]["typed_config"]
            if config.get("rds", {}).get("route_config_name") == host:
                return f"http://{place['address']}:{place['port_value']}"
    raise AssertionError(f"{proxy} has no listener for {service}")


@pytest.mark.parametrize(
    ("caller", "service"),
    [
        ("productpage", "details"),
        ("productpage", "reviews"),
        ("reviews", "ratings"),
    ],
)
def test_1_every_hop_is_mutual_tls(mesh: Up, caller: str, service: str) -> None:
    url = outbound(mesh, f"{caller}-v1", service) + "/headers"
    seen = answers(url, 1)[0].json()
    identities = {name.lower(): value for name, value in _headers(seen).items()}
    certificate = identities["x-forwarded-client-cert"]
    assert f"URI=spiffe://cluster.local/ns/default/sa/bookinfo-{caller}" in certificate
    assert f"By=spiffe://cluster.local/ns/default/sa/bookinfo-{service}" in certificate


def _headers(seen: dict[str, Any]) -> dict[str, str]:
    return dict(seen.get("headers", seen))


def test_1_the_gateway_shows_its_certificate_too(mesh: Up) -> None:
    url = mesh.url("app").replace("/productpage", "/headers")
    seen = {
        name.lower(): value
        for name, value in _headers(answers(url, 1)[0].json()).items()
    }
    assert "ns/istio-system/sa/" in seen["x-forwarded-client-cert"]


def test_2_a_tenth_of_the_requests_reaches_v2_and_none_v3(mesh: Up) -> None:
    said = mesh.apply(NINETY_TEN)
    assert "7/7 proxies at revision" in said
    assert "ms after it was written" in said
    seen = versions(mesh, 1000)
    assert 60 <= seen["v2"] <= 140, seen
    assert seen["v3"] == 0, seen
    mesh.do("delete", "virtualservice/reviews")
    mesh.do("wait", "virtualservice/reviews", "--for=delete")
    assert set(versions(mesh, 60)) == {"v1", "v2", "v3"}


def test_3_plain_text_to_a_workload_is_refused(mesh: Up) -> None:
    entry = mesh.json("get", "workloadentry", "details-v1")
    port = entry["spec"]["ports"]["http"]
    with socket.create_connection((entry["spec"]["address"], port), 5) as plain:
        plain.sendall(b"GET /details/0 HTTP/1.1\r\nhost: details\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(100) == b"", "STRICT answers nobody without a certificate"


def test_3_a_server_with_another_identity_is_refused(mesh: Up) -> None:
    entry = mesh.json("get", "workloadentry", "details-v1")
    url = outbound(mesh, "productpage-v1", "details") + "/details/0"
    impostor = entry | {"spec": entry["spec"] | {"serviceAccount": "somebody-else"}}
    mesh.apply(_json(impostor))
    answer = answers(url, 1)[0]
    assert answer.status_code == 503, "details-v1 shows bookinfo-details' certificate"
    mesh.apply(_json(entry))
    eventually(
        lambda: answers(url, 1)[0].status_code == 200,
        seconds=10,
        what="details answers again",
    )


def _json(found: dict[str, Any]) -> str:
    kept = {name: found[name] for name in ("apiVersion", "kind", "metadata", "spec")}
    metadata = {
        name: value
        for name, value in found["metadata"].items()
        if name in ("name", "namespace", "labels", "annotations")
    }
    return json.dumps(kept | {"metadata": metadata})


def test_4_a_dead_pilot_costs_no_request_and_nothing_is_sent_twice(mesh: Up) -> None:
    mesh.apply(delay("ratings", 0))
    before = mesh.proxies()
    moved = [name for name, row in before.items() if row["pilot"] == "pilot-0"]
    stayed = [name for name in before if name not in moved]
    if not moved:
        pytest.skip(reason="every proxy chose pilot-1: nothing to fail over")
    with Load(mesh.url("app")) as load:
        mesh.do("kill", "pilot-0")
        eventually(
            lambda: all(
                row["pilot"] == "pilot-1" and row["connected"]
                for row in mesh.proxies().values()
            ),
            seconds=15,
            what=f"{moved} move to pilot-1",
        )
        after = mesh.proxies()
        assert {name: after[name]["sent_bytes"] for name in moved} == dict.fromkeys(
            moved, 0
        ), "what a proxy holds is not sent again"
        mesh.apply(delay("ratings", 1))
    changed = mesh.proxies()
    assert all(changed[name]["sent_bytes"] > 0 for name in moved)
    assert stayed or moved
    assert set(load.seen) == {"200"}, load.seen
    mesh.do("start", "pilot-0")
    mesh.do("delete", "virtualservice/ratings")


def direct(mesh: Up, pilot: str) -> bool:
    url = f"http://{mesh.address(pilot, 'http')}/metrics"
    return "meltemi_pilot_direct 1.0" in answers(url, 1)[0].text


def test_5_without_nats_changes_arrive_and_with_it_the_bell_rings_again(
    mesh: Up,
) -> None:
    mesh.do("kill", "nats")
    mesh.do("apply", "-f", "-", stdin=delay("details", 0))
    mesh.do("wait", "virtualservice/details", "--timeout", "5s")
    eventually(
        lambda: direct(mesh, "pilot-0") and direct(mesh, "pilot-1"),
        seconds=10,
        what="both Pilots watch etcd themselves",
    )
    mesh.do("start", "nats")
    eventually(
        lambda: not direct(mesh, "pilot-0") and not direct(mesh, "pilot-1"),
        seconds=15,
        what="both Pilots hear the bell",
    )
    mesh.apply(delay("details", 1))
    mesh.do("delete", "virtualservice/details")


def test_5_without_etcd_reads_and_traffic_go_on_and_writes_say_why(mesh: Up) -> None:
    before = mesh.json("get", "virtualservices")
    mesh.do("kill", "etcd")
    try:
        with Load(mesh.url("app")) as load:
            refused = mesh.run("apply", "-f", "-", stdin=NINETY_TEN)
            assert refused.returncode == 69
            assert "ledger.unavailable" in refused.stderr
            assert "etcd" in refused.stderr
            during = mesh.json("get", "virtualservices")
            assert during["items"] == before["items"]
            assert len(mesh.proxies()) == 7
        assert set(load.seen) == {"200"}
    finally:
        mesh.do("start", "etcd")
    names = [each["metadata"]["name"] for each in mesh.json("get", "vs")["items"]]
    assert "reviews" not in names, "nothing is half-written"
    mesh.apply(SUBSETS)


def test_5_with_every_control_service_dead_traffic_goes_on(mesh: Up) -> None:
    mesh.do("kill", *CONTROL)
    seen = Counter[int]()
    try:
        seen.update(each.status_code for each in answers(mesh.url("app"), 1000))
        envoy = envoy_of(mesh, "details-v1")
        envoy.kill()
        eventually(
            lambda: ready(mesh, "details-v1"),
            seconds=20,
            what="details-v1 comes back from its agent's checkpoint",
        )
        seen.update(each.status_code for each in answers(mesh.url("app"), 4000))
    finally:
        mesh.do("start", *CONTROL)
    assert seen == {200: 5000}
    assert not envoy.is_running()
    details = answers(outbound(mesh, "productpage-v1", "details") + "/details/0", 1)
    assert details[0].status_code == 200
    eventually(
        lambda: all(row["connected"] for row in mesh.proxies().values()),
        seconds=20,
        what="every proxy finds a Pilot again",
    )
    mesh.apply(SUBSETS)


def envoy_of(mesh: Up, proxy: str) -> psutil.Process:
    agent = psutil.Process(mesh.status()[proxy]["pid"])
    (envoy,) = [
        each for each in agent.children(recursive=True) if "envoy" in each.name()
    ]
    return envoy


def ready(mesh: Up, proxy: str) -> bool:
    url = f"http://{mesh.address(proxy, 'status')}/healthz/ready"
    try:
        return httpx2.get(url, timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False


GOOD = f"""apiVersion: {NETWORKING}
kind: VirtualService
metadata:
  name: bad
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {{host: reviews}}
"""
BAD = {
    "malformed": (GOOD.replace("hosts: [reviews]", "hosts: [reviews"), 400, "6:"),
    "unknown field": (GOOD.replace("hosts:", "host:"), 422, "did you mean 'hosts'"),
    "wrong type": (GOOD.replace("hosts: [reviews]", "hosts: 7"), 422, "6:10"),
    "unknown kind": (GOOD.replace("VirtualService", "VirtualServise"), 422, "2:7"),
}


@pytest.mark.parametrize("name", BAD)
def test_6_bad_input_is_refused_with_its_place_and_changes_nothing(
    mesh: Up, name: str
) -> None:
    text, status, said = BAD[name]
    before = revision(mesh)
    answer = send(mesh, text.encode())
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    places = [
        f"{error['source']['line']}:{error['source']['column']} {error.get('hint', '')}"
        for error in answer.json()["errors"]
    ]
    assert any(said in place for place in places), places
    command = mesh.run("apply", "-f", "-", stdin=text)
    assert command.returncode == 65
    assert command.stderr.startswith("stdin:"), command.stderr
    assert revision(mesh) == before


def test_6_a_text_that_is_too_large_is_refused_unread(mesh: Up) -> None:
    before = revision(mesh)
    assert send(mesh, b"#" * (5 << 20)).status_code == 413
    assert revision(mesh) == before


def test_6_a_stale_write_is_a_conflict(mesh: Up) -> None:
    url = f"{galley(mesh)}/virtualservices/bookinfo"
    stored = httpx2.get(url).json()
    before = revision(mesh)
    stale = stored | {"metadata": stored["metadata"] | {"resourceVersion": "1"}}
    answer = httpx2.put(url, json=stale, headers=authorized(mesh))
    assert answer.status_code == 409
    assert stored["metadata"]["resourceVersion"] in answer.text
    assert revision(mesh) == before


def test_6_a_write_needs_the_token(mesh: Up) -> None:
    answer = httpx2.post(f"{galley(mesh)}/virtualservices", content=GOOD)
    assert answer.status_code == 401


def galley(mesh: Up) -> str:
    return f"{mesh.url('galley')}/apis/{NETWORKING}/namespaces/default"


def authorized(mesh: Up) -> dict[str, str]:
    return {"authorization": f"Bearer {mesh.do('token', 'admin').strip()}"}


def send(mesh: Up, body: bytes) -> httpx2.Response:
    headers = authorized(mesh) | {
        "content-type": "application/yaml",
        "x-meltemi-file": "bad.yaml",
    }
    url = f"{galley(mesh)}/virtualservices"
    return httpx2.post(url, content=body, headers=headers, timeout=10)


def revision(mesh: Up) -> int:
    """Return the newest revision of any object."""
    base = mesh.url("galley")
    lists = [
        *(f"{base}/apis/{NETWORKING}/{plural}" for plural in PLURALS),
        f"{base}/apis/security.istio.io/v1/peerauthentications",
    ]
    return max(
        int(item["metadata"]["resourceVersion"])
        for url in lists
        for item in httpx2.get(url).json()["items"]
    )


def test_7_what_envoy_refuses_stops_nothing_else_and_is_shown(mesh: Up) -> None:
    refused = f"""
apiVersion: {NETWORKING}
kind: DestinationRule
metadata: {{name: ratings}}
spec:
  host: ratings
  trafficPolicy:
    loadBalancer: {{consistentHash: {{httpHeaderName: x-user, maglev: {{tableSize: 4}}}}}}
"""
    mesh.do("apply", "-f", "-", stdin=refused + "---" + delay("details", 5))
    mesh.do("wait", "virtualservice/details", "--for=distribution")

    def shown() -> bool:
        found = mesh.json("get", "destinationrule", "ratings")["status"]["conditions"]
        rejected = {each["type"]: each for each in found}["Rejected"]
        return rejected["status"] == "True" and "prime" in rejected["message"]

    assert shown() or eventually(shown, seconds=2, what="the refusal on the object") < 2
    waited = mesh.run("wait", "destinationrule/ratings")
    assert waited.returncode == 1
    assert "prime" in waited.stderr
    mesh.do("delete", "destinationrule/ratings")
    mesh.do("delete", "virtualservice/details")
    mesh.do("wait", "destinationrule/ratings", "--for=delete")
    errors = [each["types"]["cds"]["error"] for each in mesh.proxies().values()]
    assert errors == [None] * 7


def test_8_down_leaves_no_process_and_no_port(mesh: Up) -> None:
    ports = [
        int(address.rpartition(":")[2])
        for part in mesh.status().values()
        for address in part["addresses"].values()
    ]
    assert mesh.processes()
    mesh.do("down")
    assert mesh.processes() == []
    assert not any(accepts(port) for port in ports)
