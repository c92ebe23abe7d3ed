"""Who joins asks one URL what it must know, before it has anything to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.credentials.invitation import PATH, Invitation
from meltemi.identity.trust import TrustBundle, trust_key
from meltemi.store.ports import Write
from meltemi.testkit.authority import credential
from meltemi.testkit.galleys import galley_api
from meltemi.testkit.web_certificates import web_certificate

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

TOLD = {
    "GALLEY_JOINING_CITADEL_BOOTSTRAP": "ca.example:15012",
    "GALLEY_JOINING_CITADEL_RENEWAL": "ca.example:15013",
    "GALLEY_JOINING_PILOTS": "p0.example:15010,p1.example:15010",
}


async def test_a_stranger_is_told_where_to_join_and_whom_to_believe(
    tmp_path: Path,
) -> None:
    bundle = TrustBundle.of(credential().roots)
    web = web_certificate("galley.example")
    (tmp_path / "cert").write_text(web.pem)
    (tmp_path / "key").write_text(web.key_pem)
    far = {
        "GALLEY_HTTP_ADDRESS": "0.0.0.0:443",
        "GALLEY_TLS_CERT_FILE": str(tmp_path / "cert"),
        "GALLEY_TLS_KEY_FILE": str(tmp_path / "key"),
    }
    async with galley_api(tmp_path, TOLD | far) as api:
        await api.ledger.commit([Write(trust_key("default"), bundle.encode())])
        del api.client.headers["Authorization"]
        answer = await api.client.get(PATH)
        assert (await api.client.get("/api/v1/proxies")).status_code == 401
    assert answer.status_code == 200, answer.text
    assert Invitation.read(answer.json()) == Invitation(
        "cluster.local",
        "ca.example:15012",
        "ca.example:15013",
        ("p0.example:15010", "p1.example:15010"),
        bundle.roots,
    )


@pytest.mark.parametrize(
    ("more", "why"), [({}, "GALLEY_JOINING_PILOTS"), (TOLD, "is Citadel up?")]
)
async def test_what_is_not_known_yet_is_said_and_not_guessed(
    tmp_path: Path, more: dict[str, str], why: str
) -> None:
    async with galley_api(tmp_path, more) as api:
        answer: httpx2.Response = await api.client.get(PATH)
    assert answer.status_code == 404
    assert answer.json()["code"] == "joining.unknown"
    assert why in answer.json()["detail"]
