"""TLS secrets go in through the API, and never come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.identity.tls_secret import secrets_prefix
from meltemi.kernel.clock import SystemClock
from meltemi.testkit.galleys import Api, galley_api
from meltemi.testkit.web_certificates import web_certificate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WEB = "/api/v1/secrets/istio-system/web"
SHOWN = web_certificate("a.example")
BODY = {"certificate": SHOWN.pem, "key": SHOWN.key_pem}
KEY_LINE = SHOWN.key_pem.splitlines()[1]
GATEWAY = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "web"},
    "spec": {
        "servers": [
            {
                "port": {"number": 443, "name": "a", "protocol": "HTTPS"},
                "hosts": ["a.example"],
                "tls": {"mode": "SIMPLE", "credentialName": "web"},
            }
        ]
    },
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    more = {"GALLEY_SECRETS_KEY_FILE": str(tmp_path / "secrets.key")}
    async with galley_api(tmp_path, more, now=SystemClock().now()) as made:
        yield made


async def test_a_secret_is_kept_sealed_listed_without_its_key_and_removed(
    api: Api, tmp_path: Path
) -> None:
    put = await api.client.put(WEB, json=BODY)
    assert put.status_code == 200, put.text
    listed = await api.client.get("/api/v1/secrets")
    (one,) = listed.json()["items"]
    assert (one["namespace"], one["name"]) == ("istio-system", "web")
    assert one["names"] == ["a.example"]
    (entry,) = (await api.ledger.list(secrets_prefix("default"))).entries
    audit = (tmp_path / "audit.jsonl").read_text()
    for text in (put.text, listed.text, entry.value.decode(), audit):
        assert KEY_LINE not in text
        assert "PRIVATE" not in text
    assert "put-secret" in audit
    assert (await api.client.delete(WEB)).status_code == 204
    assert (await api.client.get("/api/v1/secrets")).json()["items"] == []
    assert (await api.client.delete(WEB)).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({**BODY, "key": web_certificate("b").key_pem}, 422, "not that of the first"),
        ({"certificate": SHOWN.pem}, 422, "key"),
        ({**BODY, "more": 1}, 422, "more"),
        ({**BODY, "allowedNamespaces": ["../x"]}, 422, "allowedNamespaces"),
    ],
)
async def test_case_45_what_cannot_be_served_is_refused_without_quoting_it(
    api: Api, body: dict[str, object], status: int, why: str
) -> None:
    refused = await api.client.put(WEB, json=body)
    assert refused.status_code == status
    assert why in refused.text
    assert KEY_LINE not in refused.text
    assert (await api.ledger.list(secrets_prefix("default"))).entries == ()


async def test_only_administrators_touch_secrets(api: Api) -> None:
    scope = {"verbs": ["*"], "kinds": ["*"], "namespaces": ["istio-system"]}
    wish = {"name": "b", "scopes": [scope]}
    token = (await api.client.post("/api/v1/tokens", json=wish)).json()["token"]
    for header, status in ((f"Bearer {token}", 403), ("", 401)):
        with_it = {"Authorization": header}
        for method, path in (("PUT", WEB), ("DELETE", WEB), ("GET", "/api/v1/secrets")):
            answer = await api.client.request(method, path, headers=with_it)
            assert answer.status_code == status, (method, path)


async def test_a_name_that_is_none_is_refused(api: Api) -> None:
    for name in ("UP", "a_b", "-a", "a" * 254):
        answer = await api.client.put(f"/api/v1/secrets/default/{name}", json=BODY)
        assert answer.status_code == 422, name


async def test_a_gateway_says_how_it_stands_with_its_secrets(api: Api) -> None:
    place = "/apis/networking.istio.io/v1/namespaces/default/gateways/web"
    assert (await api.client.put(place, json=GATEWAY)).is_success

    async def told() -> dict[str, str]:
        found = (await api.client.get(place)).json()["status"]["conditions"]
        (one,) = (each for each in found if each["type"] == "ResolvedSecrets")
        return dict(one)

    assert "there is no secret web" in (await told())["message"]
    await api.client.put(WEB, json=BODY)
    assert (await told())["status"] == "True"
    api.clock.advance(2 * 24 * 3600)
    assert "expired at" in (await told())["message"]


async def test_without_a_key_no_secret_is_taken(tmp_path: Path) -> None:
    async with galley_api(tmp_path, now=SystemClock().now()) as api:
        answer = await api.client.put(WEB, json=BODY)
    assert answer.status_code == 422
    assert "GALLEY_SECRETS_KEY_FILE" in answer.text
