"""Requests through the demo mesh: versions, mutual TLS, shares."""

from __future__ import annotations

import contextlib
import json
import socket
from collections import Counter
from typing import Any

import pytest

from meltemi.testkit.up import Up, answer, answers, eventually, outbound
from meltemi.testkit.walkthrough import NINETY_TEN

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


def reviews_url(mesh: Up) -> str:
    return mesh.url("app").replace("/productpage", "/api/v1/products/0/reviews")


def versions(mesh: Up, count: int) -> Counter[str]:
    found = answers(reviews_url(mesh), count)
    assert {each.status_code for each in found} == {200}
    return Counter(each.json()["version"] for each in found)


def test_1_the_product_page_shows_reviews_of_all_three_versions(mesh: Up) -> None:
    page = answer(mesh.url("app"))
    assert page.status_code == 200
    assert "<html" in page.text
    assert set(versions(mesh, 60)) == {"v1", "v2", "v3"}


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
    seen = answer(url).json()
    identities = {name.lower(): value for name, value in _headers(seen).items()}
    certificate = identities["x-forwarded-client-cert"]
    assert f"URI=spiffe://cluster.local/ns/default/sa/bookinfo-{caller}" in certificate
    assert f"By=spiffe://cluster.local/ns/default/sa/bookinfo-{service}" in certificate


def _headers(seen: dict[str, Any]) -> dict[str, str]:
    return dict(seen.get("headers", seen))


def test_1_the_gateway_shows_its_certificate_too(mesh: Up) -> None:
    url = mesh.url("app").replace("/productpage", "/headers")
    seen = {name.lower(): value for name, value in _headers(answer(url).json()).items()}
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


def test_3_and_case_54_plain_text_to_a_workload_is_refused(mesh: Up) -> None:
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
    assert answer(url).status_code == 503, (
        "details-v1 shows bookinfo-details' certificate"
    )
    mesh.apply(_json(entry))
    eventually(
        lambda: answer(url).status_code == 200,
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
