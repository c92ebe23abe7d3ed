"""T13 of the threat model: what the control plane shows, and to whom."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.testkit.citadels import ADMIN
from meltemi.testkit.plane import plane
from meltemi.testkit.tokens import key_set
from meltemi.testkit.web_certificates import web_certificate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from meltemi.testkit.plane import Plane

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SCRIPT = "<script>alert(1)</script>"
MESH = f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: web, namespace: default, annotations: {{note: "{SCRIPT}"}}}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 443, name: a, protocol: HTTPS}}
    hosts: [a.example]
    tls: {{mode: SIMPLE, credentialName: a}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: tokens, namespace: default}}
spec: {{jwtRules: [{{issuer: tests, jwks: '{key_set()}'}}]}}
"""
OPERATED = ("/livez", "/readyz?verbose", "/metrics", "/version")
OF_PILOT = ("/api/v1/proxies", "/api/v1/refusals", "/api/v1/stats")
OF_CITADEL = ("/v1/ca/bundle", "/v1/ca/jwks", "/v1/ca/certs", "/v1/ca/issuers")
TOKEN = re.compile(r"eyJ[\w-]+\.eyJ")


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Plane]:
    key = str(tmp_path / "secrets.key")
    sealed = {"GALLEY_SECRETS_KEY_FILE": key}, {"PILOT_SECRETS_KEY_FILE": key}
    async with plane(tmp_path, *sealed) as made:
        await made.apply(MESH)
        shown = web_certificate("a.example")
        body = {"certificate": shown.pem, "key": shown.key_pem}
        answer = await made.galley.put("/api/v1/secrets/default/a", json=body)
        assert answer.is_success, answer.text
        yield made


async def pages(mesh: Plane) -> AsyncIterator[httpx2.Response]:
    """Yield every page that is read without naming an object."""
    described = (await mesh.galley.get("/openapi.json")).json()["paths"]
    for path in dict.fromkeys((*plain_reads(described), *OPERATED)):
        yield await mesh.galley.get(path)
    async with httpx2.AsyncClient(base_url=f"http://{mesh.pilot_http}") as pilot:
        for path in (*OF_PILOT, *OPERATED):
            yield await pilot.get(path)
    for path in (*OF_CITADEL, *OPERATED):
        yield await mesh.office.http.get(path, headers=ADMIN)


def plain_reads(described: dict[str, dict[str, object]]) -> Iterator[str]:
    for path, methods in described.items():
        if "get" in methods and "{" not in path and "watch" not in path:
            yield path


async def test_t13_no_page_holds_a_key_or_a_token(mesh: Plane) -> None:
    read = [each async for each in pages(mesh)]
    assert "/api/v1/secrets" in {each.url.path for each in read}
    assert len(read) >= 20
    for each in read:
        assert "PRIVATE KEY" not in each.text, each.url
        assert not TOKEN.search(each.text), each.url
        assert "open-sesame" not in each.text, each.url


async def test_t13_a_name_elsewhere_is_misdirected(mesh: Plane) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        for server in (
            mesh.galley.base_url,
            f"http://{mesh.pilot_http}",
            mesh.office.http.base_url,
        ):
            for host, status in (("evil.example", 421), ("localhost:1", 200)):
                url = f"{str(server).rstrip('/')}/version"
                answer = await client.get(url, headers={"host": host})
                assert answer.status_code == status, url


async def test_t13_what_users_write_is_never_a_page(mesh: Plane) -> None:
    read = [each async for each in pages(mesh)]
    gateway = "/apis/networking.istio.io/v1/namespaces/default/gateways/web"
    read.append(await mesh.galley.get(gateway))
    assert SCRIPT in read[-1].json()["metadata"]["annotations"]["note"]
    for each in read:
        assert "html" not in each.headers.get("content-type", ""), each.url
        assert each.headers["x-content-type-options"] == "nosniff", each.url
        assert "access-control-allow-origin" not in each.headers, each.url
