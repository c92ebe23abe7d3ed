"""Who is let in, over the wire."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import grpc
import jwt
import pytest

from meltemi.citadel.token_key import TokenKey
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import CertificateRequest
from meltemi.kernel.clock import SystemClock
from meltemi.testkit.authority import RATINGS, REVIEWS
from meltemi.testkit.citadels import Citadel, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger

if TYPE_CHECKING:
    from pathlib import Path

ISSUER = TokenKey(new_key())
DENIED = grpc.StatusCode.PERMISSION_DENIED


def request() -> CertificateRequest:
    return CertificateRequest(build_csr(new_key(), REVIEWS))


def issuers(folder: Path, **more: str) -> Path:
    file = folder / "issuers.json"
    jwks = json.dumps({"keys": [ISSUER.jwk]})
    file.write_text(json.dumps([{"issuer": "https://ci", "jwks": jwks, **more}]))
    return file


def issued(**change: Any) -> str:
    now = int(SystemClock().now().timestamp())
    claims = {
        "iss": "https://ci",
        "sub": "system:serviceaccount:default:bookinfo-reviews",
        "aud": "istio-ca",
        "iat": now,
        "exp": now + 60,
    }
    return jwt.encode(claims | change, ISSUER.key, "ES256", {"kid": ISSUER.id})


async def denied(office: Citadel, **proof: Any) -> str:
    refused = await office.refusal(request(), **proof)
    assert refused.code() is DENIED
    return refused.details() or ""


async def test_the_token_of_an_issuer_buys_a_certificate_as_often_as_it_is_shown(
    tmp_path: Path,
) -> None:
    async with citadel(
        tmp_path, MemoryLedger(), issuers_file=issuers(tmp_path)
    ) as office:
        for _ in range(2):
            assert await office.ask(request(), token=issued())
        for wrong in ({"aud": "other"}, {"iss": "https://thief"}, {"exp": 1e30}):
            refused = await office.refusal(request(), token=issued(**wrong))
            assert refused.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("account", ["citadel", "pilot", "galley"])
async def test_nobody_vouches_for_the_control_plane_itself(
    tmp_path: Path, account: str
) -> None:
    own = f"system:serviceaccount:istio-system:{account}"
    async with citadel(
        tmp_path, MemoryLedger(), issuers_file=issuers(tmp_path)
    ) as office:
        refused = await office.refusal(request(), token=issued(sub=own))
        assert refused.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_an_entry_says_whom_a_foreign_subject_stands_for(tmp_path: Path) -> None:
    file = issuers(tmp_path, subject="")
    token = issued(sub="repo:acme/shop")
    async with citadel(tmp_path, MemoryLedger(), issuers_file=file) as office:
        refused = await office.refusal(request(), token=token)
        assert refused.code() is grpc.StatusCode.UNAUTHENTICATED
        await office.admin(
            "PUT",
            "entries/shop",
            namespace="default",
            service_account="bookinfo-reviews",
            selector={"issuer": "https://ci", "subject": "repo:acme/shop"},
        )
        assert await office.ask(request(), token=token)


async def test_where_entries_are_required_they_let_in_and_shut_out(
    tmp_path: Path,
) -> None:
    who = {"namespace": "default", "service_account": "bookinfo-reviews"}
    async with citadel(tmp_path, MemoryLedger(), registration="required") as office:
        token = await office.token(once=False)
        assert "has no registration entry" in await denied(office, token=token)
        await office.admin("PUT", "entries/reviews", **who)
        held = await office.join()
        listed = (await office.admin("GET", "entries")).json()["items"]
        assert [each["name"] for each in listed] == ["reviews"]
        await office.admin("PUT", "entries/reviews", **who, enabled=False)
        assert "is disabled" in await denied(office, token=token)
        assert "is disabled" in await denied(office, held=held)
        await office.admin("DELETE", "entries/reviews")
        assert "has no registration entry" in await denied(office, held=held)


async def test_a_denied_workload_gets_nothing_until_that_is_lifted(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with (
        citadel(tmp_path, ledger) as one,
        citadel(tmp_path, ledger) as two,
    ):
        held, token = await one.join(), await one.token()
        await one.admin("POST", "revoke", identity=str(REVIEWS), reason="stolen")
        for office in (one, two):
            assert "is denied" in await denied(office, held=held)
            assert "is denied" in await denied(office, token=token)
        listed = (await two.admin("GET", "revoke")).json()["items"]
        assert [(each["reason"], each["by"]) for each in listed] == [
            ("stolen", "admin")
        ]
        place = "identity/default/bookinfo-reviews"
        assert listed[0]["place"] == place
        await two.admin("DELETE", f"revoke/{place}")
        assert await one.ask(request(), token=token), "the refusals did not cost it"


async def test_a_denied_certificate_renews_nothing_and_another_does(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        stolen, other = await office.join(), await office.join()
        await office.admin("POST", "revoke", serial=f"{stolen.leaf.serial_number:x}")
        assert "is revoked" in await denied(office, held=stolen)
        assert await office.ask(request(), held=other)


async def test_a_key_is_not_certified_for_two_workloads(tmp_path: Path) -> None:
    key = new_key()
    async with citadel(tmp_path, MemoryLedger()) as office:
        mine = CertificateRequest(build_csr(key, REVIEWS))
        theirs = CertificateRequest(build_csr(key, RATINGS))
        assert await office.ask(mine, token=await office.token())
        token = await office.token("bookinfo-ratings")
        refused = await office.refusal(theirs, token=token)
        assert refused.code() is DENIED
        assert "citadel.key-reused" in (refused.details() or "")
        assert await office.ask(
            CertificateRequest(build_csr(new_key(), RATINGS)), token=token
        )


async def test_whoever_asks_too_often_is_told_when_to_come_again(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger(), identity_rate="1/min:2") as office:
        held = await office.join()
        assert await office.ask(request(), held=held)
        refused = await office.refusal(request(), held=held)
        assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        told = dict(refused.trailing_metadata() or ())
        assert 50 < float(told["retry-after"]) <= 60
        other = await office.token("bookinfo-ratings")
        theirs = CertificateRequest(build_csr(new_key(), RATINGS))
        assert await office.ask(theirs, token=other), "others are not affected"


async def test_an_address_that_fails_too_often_is_turned_away_unheard(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger(), failure_rate="1/min:2") as office:
        good = await office.token()
        guess = "guess"
        codes = [
            (await office.refusal(request(), token=guess)).code() for _ in range(3)
        ]
        assert codes == [
            grpc.StatusCode.UNAUTHENTICATED,
            grpc.StatusCode.UNAUTHENTICATED,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        ]
        refused = await office.refusal(request(), token=good)
        assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_neighbours_who_fail_keep_nobody_from_renewing(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger(), failure_rate="1/min:1") as office:
        held = await office.join()
        guess = "guess"
        for _ in range(3):
            await office.refusal(request(), token=guess)
        assert await office.ask(request(), held=held)


@pytest.mark.parametrize(
    ("scope", "method", "path", "body"),
    [
        ("ca:tokens", "POST", "tokens", {"namespace": "a", "service_account": "b"}),
        ("ca:tokens", "DELETE", f"tokens/{'0' * 32}", None),
        ("ca:entries", "PUT", "entries/a", {"namespace": "a", "service_account": "b"}),
        ("ca:entries", "DELETE", "entries/a", None),
        ("ca:revoke", "POST", "revoke", {"serial": "1"}),
        ("ca:revoke", "DELETE", "revoke/serial/1", None),
        ("ca:read", "GET", "tokens", None),
        ("ca:read", "GET", "entries", None),
        ("ca:read", "GET", "revoke", None),
    ],
)
async def test_a_limited_token_does_what_its_scope_says_and_no_more(
    tmp_path: Path, scope: str, method: str, path: str, body: dict[str, str] | None
) -> None:
    scopes = {"right": scope, "wrong": "ca:rotate"}
    grants = [
        {
            "name": name,
            "sha256": hashlib.sha256(name.encode()).hexdigest(),
            "scopes": [each],
        }
        for name, each in scopes.items()
    ]
    (tmp_path / "access").write_text(json.dumps(grants))
    async with citadel(
        tmp_path, MemoryLedger(), access_file=tmp_path / "access"
    ) as office:
        seen: dict[str, int] = {}
        for name in ("nobody", "wrong", "right"):
            answer = await office.http.request(
                method,
                f"/v1/ca/{path}",
                json=body,
                headers={"authorization": f"Bearer {name}"},
            )
            seen[name] = answer.status_code
    assert (seen["nobody"], seen["wrong"]) == (401, 403)
    assert seen["right"] in (200, 201, 404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"serial": "1", "identity": str(REVIEWS)},
        {"serial": "x"},
        {"serial": "-4f"},
        {"serial": "1" * 41},
        {"identity": "spiffe://typo.example/ns/default/sa/nobody"},
        {"a": "b"},
    ],
)
async def test_a_revocation_is_of_one_thing(
    tmp_path: Path, body: dict[str, str]
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        answer = await office.http.post(
            "/v1/ca/revoke", json=body, headers={"authorization": "Bearer open-sesame"}
        )
    assert (answer.status_code, answer.json()["code"]) == (400, "citadel.invalid-body")


async def test_a_token_that_makes_a_pilot_needs_a_scope_of_its_own(
    tmp_path: Path,
) -> None:
    scopes = {"ci": ["ca:tokens"], "operator": ["ca:tokens", "ca:control-plane"]}
    grants = [
        {
            "name": name,
            "sha256": hashlib.sha256(name.encode()).hexdigest(),
            "scopes": each,
        }
        for name, each in scopes.items()
    ]
    (tmp_path / "access").write_text(json.dumps(grants))
    wish = {"namespace": "istio-system", "service_account": "pilot"}
    async with citadel(
        tmp_path, MemoryLedger(), access_file=tmp_path / "access"
    ) as office:
        seen = {
            name: (
                await office.http.post(
                    "/v1/ca/tokens",
                    json=wish,
                    headers={"authorization": f"Bearer {name}"},
                )
            ).status_code
            for name in scopes
        }
    assert seen == {"ci": 403, "operator": 201}
