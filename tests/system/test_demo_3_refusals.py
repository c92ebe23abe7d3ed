"""What Galley refuses, what Envoy refuses, and how the user is told."""

from __future__ import annotations

from collections import Counter

import httpx2
import pytest

from meltemi.testkit.up import Up, answer, eventually
from meltemi.testkit.walkthrough import NETWORKING, NINETY_TEN, SUBSETS, delay

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

PLURALS = (
    "destinationrules",
    "gateways",
    "serviceentries",
    "virtualservices",
    "workloadentries",
)
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


REFUSED = f"""
apiVersion: {NETWORKING}
kind: DestinationRule
metadata: {{name: ratings}}
spec:
  host: ratings
  trafficPolicy:
    loadBalancer: {{consistentHash: {{httpHeaderName: x-user, maglev: {{tableSize: 4}}}}}}
"""


def test_7_what_envoy_refuses_stops_nothing_else_and_is_shown(mesh: Up) -> None:
    mesh.do("apply", "-f", "-", stdin=REFUSED + "---" + delay("details", 5))
    mesh.do("wait", "virtualservice/details", "--for=distribution")

    def shown() -> bool:
        found = mesh.json("get", "destinationrule", "ratings")["status"]["conditions"]
        rejected = {each["type"]: each for each in found}["Rejected"]
        return rejected["status"] == "True" and "prime" in rejected["message"]

    assert shown() or eventually(shown, seconds=2, what="the refusal on the object") < 2
    waited = mesh.run("wait", "destinationrule/ratings")
    assert waited.returncode == 1
    assert "prime" in waited.stderr


def test_7_clusters_go_on_changing_beside_a_refused_one(mesh: Up) -> None:
    mesh.apply(NINETY_TEN)
    mesh.do("delete", "virtualservice/reviews")
    mesh.do("wait", "virtualservice/reviews", "--for=delete")
    two = REFUSED + "---" + REFUSED.replace("ratings", "details")
    mesh.do("apply", "-f", "-", stdin=two)
    changed = SUBSETS.replace(
        "  subsets:", "  trafficPolicy: {loadBalancer: {simple: RANDOM}}\n  subsets:"
    )
    assert "7/7" in mesh.apply(changed)
    assert answer(mesh.url("app")).status_code == 200


def test_7_a_pilot_that_takes_over_is_not_stopped_by_a_refusal(mesh: Up) -> None:
    victim, _ = Counter(row["pilot"] for row in mesh.proxies().values()).most_common()[
        0
    ]
    mesh.do("kill", victim)
    try:
        eventually(
            lambda: (
                [row["pilot"] != victim for row in mesh.proxies().values()]
                == [True] * 7
            ),
            seconds=20,
            what=f"everybody leaves {victim} for the other",
        )
        assert "7/7" in mesh.apply(SUBSETS)
    finally:
        mesh.do("start", victim)


def test_7_without_the_refused_rule_nothing_is_refused(mesh: Up) -> None:
    for rule in ("ratings", "details"):
        mesh.do("delete", f"destinationrule/{rule}")
        mesh.do("wait", f"destinationrule/{rule}", "--for=delete", "--timeout", "10s")
    mesh.do("delete", "virtualservice/details")
    errors = [each["types"]["cds"]["error"] for each in mesh.proxies().values()]
    assert errors == [None] * 7
    changed = SUBSETS.replace(
        "  subsets:",
        "  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n  subsets:",
    )
    assert "7/7" in mesh.apply(changed)
    products = mesh.url("app").replace("/productpage", "/api/v1/products/0")
    assert answer(products).status_code == 200, "details are served again"
