"""Who may write without a token of Galley's own: certificates and issuers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from meltemi.galley.access import InvalidAccessError
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.runtime.http import serve_http
from meltemi.runtime.settings import Address
from meltemi.runtime.tls import TlsFiles
from meltemi.testkit.authority import NOON, authority, credential, write_credential
from meltemi.testkit.galleys import galley_api
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.testkit.galleys import Api

APIS = "/apis/networking.istio.io/v1/namespaces"
DEPLOYER = "spiffe://cluster.local/ns/ci/sa/deployer"
A_ONLY = [{"verbs": ["read", "write"], "kinds": ["*"], "namespaces": ["a"]}]
NOW = SystemClock().now()
"""Handshakes look at the machine's clock."""
AT = int(NOON.timestamp())
SIGNER = ec.generate_private_key(ec.SECP256R1())
ISSUER = "https://login"
RULE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": "rule"},
    "spec": {"host": "a"},
}


def url(namespace: str) -> str:
    return f"{APIS}/{namespace}/destinationrules/rule"


def write_keys(path: Path, *signers: ec.EllipticCurvePrivateKey) -> None:
    algorithm = jwt.get_algorithm_by_name("ES256")
    keys = [
        json.loads(algorithm.to_jwk(each.public_key())) | {"kid": str(number)}
        for number, each in enumerate(signers)
    ]
    path.write_text(json.dumps({"keys": keys}))


def access(folder: Path, **issuer: Any) -> dict[str, str]:
    """Write the access file; return the setting that names it."""
    write_keys(folder / "keys.json", SIGNER)
    path = folder / "access.yaml"
    grant = {"claim": "groups", "value": "team-a", "scopes": A_ONLY}
    keys = issuer or {"jwksFile": str(folder / "keys.json")}
    trusted = {"issuer": ISSUER, "audiences": ["meltemi"], "grants": [grant], **keys}
    bound = {"identity": DEPLOYER, "scopes": A_ONLY}
    path.write_text(json.dumps({"certificates": [bound], "issuers": [trusted]}))
    return {"GALLEY_ACCESS_FILE": str(path)}


def token(
    key: ec.EllipticCurvePrivateKey = SIGNER, kid: str = "0", **claims: Any
) -> dict[str, str]:
    plain = {"iss": ISSUER, "sub": "ann", "aud": "meltemi", "groups": ["team-a"]}
    times = {"iat": AT, "exp": AT + 3600}
    text = jwt.encode(plain | times | claims, key, "ES256", {"kid": kid})
    return {"Authorization": f"Bearer {text}"}


async def status(api: Api, namespace: str, headers: dict[str, str]) -> int:
    answer = await api.client.put(url(namespace), json=RULE, headers=headers)
    return answer.status_code


async def test_a_claim_of_an_issuer_opens_what_it_is_bound_to(tmp_path: Path) -> None:
    async with galley_api(tmp_path, access(tmp_path)) as api:
        assert await status(api, "a", token()) == 201
        assert await status(api, "b", token()) == 403
        assert await status(api, "a", token(groups=["team-b"])) == 403
        assert await status(api, "a", token(aud="other")) == 401
        assert await status(api, "a", token(iss="https://evil")) == 401
        assert await status(api, "a", token(exp=AT - 60)) == 401
        reading = await api.client.get(url("b"), headers=token())
        assert reading.status_code == 403
        tokens = await api.client.get("/api/v1/tokens", headers=token())
        assert tokens.status_code == 403, "no scope makes an administrator"
        audit = (await api.client.get("/api/v1/audit")).json()["items"]
        assert {each["actor"] for each in audit} == {f"{ISSUER}#ann", "anonymous"}


async def test_a_new_key_is_believed_at_once_and_a_withdrawn_one_not_for_long(
    tmp_path: Path,
) -> None:
    new = ec.generate_private_key(ec.SECP256R1())
    async with galley_api(tmp_path, access(tmp_path)) as api:
        assert await status(api, "a", token()) == 201
        write_keys(tmp_path / "keys.json", new, new)
        api.clock.advance(11)
        assert await status(api, "a", token(new, "1")) == 200
        assert await status(api, "a", token()) == 401
        (tmp_path / "keys.json").write_text("half a ke")
        api.clock.advance(301)
        assert await status(api, "a", token(new, "1")) == 200, "the last good ones"


async def test_keys_are_fetched_as_soon_as_they_can_be_had(tmp_path: Path) -> None:
    where = "https://login/keys"
    async with galley_api(tmp_path, access(tmp_path, jwksUrl=where)) as api:
        assert await status(api, "a", token()) == 401
        api.pilots[where] = json.loads((tmp_path / "keys.json").read_text())
        api.clock.advance(11)
        assert await status(api, "a", token()) == 201


async def test_the_access_file_is_read_again_and_a_broken_one_is_not(
    tmp_path: Path,
) -> None:
    async with galley_api(tmp_path, access(tmp_path)) as api:
        path = tmp_path / "access.yaml"
        held = path.read_text()
        path.write_text("certificates: {")
        assert await status(api, "a", token()) == 201
        path.write_text(held.replace("team-a", "team-b"))
        assert await status(api, "a", token()) == 403


@contextlib.asynccontextmanager
async def secured(
    folder: Path, host: str, *, after: timedelta = timedelta()
) -> AsyncIterator[str]:
    """Serve Galley with TLS, as settings for ``host`` have it; yield its URL.

    Its clock is ``after`` the handshakes'.
    """
    server = credential(signer=authority(now=NOW), now=NOW, local_server=True)
    roots = folder / "roots.pem"
    roots.write_text(server.roots_pem)
    chain, key = write_credential(folder, "server", server)
    more = {
        "GALLEY_HTTP_ADDRESS": f"{host}:443",
        "GALLEY_TLS_CERT_FILE": str(chain),
        "GALLEY_TLS_KEY_FILE": str(key),
        "GALLEY_CLIENT_CA_FILE": str(roots),
    }
    address = Address("127.0.0.1", free_port())
    stopping, started = asyncio.Event(), asyncio.Event()
    tls = TlsFiles(chain, key, roots)
    async with (
        galley_api(folder, access(folder) | more, now=NOW + after) as api,
        asyncio.timeout(30),
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(
            serve_http(api.app, address, stopping=stopping, started=started, tls=tls)
        )
        await started.wait()
        yield f"https://{address}"
        stopping.set()


def client_of(folder: Path, identity: str = "") -> httpx2.AsyncClient:
    context = ssl.create_default_context(cafile=str(folder / "roots.pem"))
    if identity:
        shown = credential(SpiffeId.parse(identity), now=NOW, signer=authority(now=NOW))
        context.load_cert_chain(*write_credential(folder, "client", shown))
    return httpx2.AsyncClient(verify=context, trust_env=False)


async def test_a_client_certificate_opens_what_it_is_bound_to(tmp_path: Path) -> None:
    async with secured(tmp_path, "127.0.0.1") as base:
        async with client_of(tmp_path, DEPLOYER) as client:
            written = await client.put(base + url("a"), json=RULE)
            elsewhere = await client.put(base + url("b"), json=RULE)
            read = await client.get(base + url("b"))
            wrong = {"Authorization": "Bearer wrong"}
            both = await client.put(base + url("a"), json=RULE, headers=wrong)
        stranger = "spiffe://cluster.local/ns/ci/sa/other"
        async with client_of(tmp_path, stranger) as client:
            unbound = await client.put(base + url("a"), json=RULE)
        async with client_of(tmp_path) as client:
            nobody = await client.put(base + url("a"), json=RULE)
            admin = {"Authorization": "Bearer secret"}
            audit = await client.get(base + "/api/v1/audit", headers=admin)
    assert written.status_code == 201
    assert (elsewhere.status_code, read.status_code) == (403, 403)
    assert both.status_code == 401, "a false token is not made good by a certificate"
    assert (unbound.status_code, nobody.status_code) == (403, 401)
    actors = [each["actor"] for each in audit.json()["items"]]
    assert actors == ["anonymous", stranger, "anonymous", DEPLOYER, DEPLOYER]


async def test_a_certificate_counts_until_it_expires_however_long_the_connection(
    tmp_path: Path,
) -> None:
    async with (
        secured(tmp_path, "127.0.0.1", after=timedelta(days=2)) as base,
        client_of(tmp_path, DEPLOYER) as client,
    ):
        answer = await client.put(base + url("a"), json=RULE)
    assert answer.status_code == 401
    assert "certificate expired at" in answer.json()["detail"]


async def test_beyond_loopback_nobody_reads_without_saying_who(tmp_path: Path) -> None:
    async with (
        secured(tmp_path, "192.0.2.1") as base,
        client_of(tmp_path) as anybody,
        client_of(tmp_path, DEPLOYER) as deployer,
    ):
        admin = {"Authorization": "Bearer secret"}
        for path in (url("a"), f"{APIS}/a/destinationrules", "/api/v1/proxies"):
            assert (await anybody.get(base + path)).status_code == 401
            found = await anybody.get(base + path, headers=admin)
            assert found.status_code in (200, 404)
        assert (await deployer.get(base + url("a"))).status_code == 404
        assert (await deployer.get(base + "/api/v1/proxies")).status_code == 403
        assert (await anybody.get(base + "/openapi.json")).status_code == 200


@pytest.mark.parametrize("text", ["[]", "issuers: 7", "\xff"])
async def test_a_broken_access_file_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "access.yaml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InvalidAccessError, match=r"access\.yaml"):
        async with galley_api(tmp_path, {"GALLEY_ACCESS_FILE": str(path)}):
            pass
