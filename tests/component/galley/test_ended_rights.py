"""Watches that were let in, and whose right to be there ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from meltemi.galley.adapters import vigil
from meltemi.galley.adapters.callers import Evidence
from meltemi.testkit.authority import NOON
from meltemi.testkit.galleys import galley_api, listening
from meltemi.testkit.watch_client import FORMS, WatchClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.galley.permission import Caller
    from meltemi.runtime.settings import Address
    from meltemi.testkit.galleys import Api

pytestmark = pytest.mark.timeout(60)
TOKENS = "/api/v1/tokens"
RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
RULE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": "rule"},
    "spec": {"host": "a"},
}
READ = {"verbs": ["read"], "kinds": ["*"], "namespaces": ["*"]}
ISSUER = "https://login"
SIGNER = ec.generate_private_key(ec.SECP256R1())


@contextlib.asynccontextmanager
async def watching(
    address: Address, form: str, authorization: str
) -> AsyncIterator[WatchClient]:
    """Watch, and have read the bookmark behind what is there."""
    client = WatchClient(address, form, authorization)
    async with asyncio.timeout(20), client.watching(""):
        assert (await client.event())[0] == "BOOKMARK"
        yield client


async def ended(client: WatchClient) -> tuple[int, str]:
    kind, told = await client.event()
    assert (kind, told["kind"], told["status"]) == ("ERROR", "Status", "Failure")
    with pytest.raises(EOFError):
        await client.event()
    return told["code"], told["message"]


async def issued(api: Api, **more: Any) -> dict[str, Any]:
    wish = {"name": "ci", "scopes": [READ], **more}
    found: dict[str, Any] = (await api.client.post(TOKENS, json=wish)).json()
    return found


@pytest.mark.parametrize("form", FORMS)
async def test_a_revoked_token_ends_its_watches_within_a_second(
    api: Api, served: Address, form: str
) -> None:
    token, other = await issued(api), await issued(api)
    async with (
        watching(served, form, f"Bearer {token['token']}") as client,
        watching(served, form, f"Bearer {other['token']}") as bystander,
    ):
        await api.client.delete(f"{TOKENS}/{token['id']}")
        async with asyncio.timeout(3 * vigil.PAUSE_SECONDS):
            code, why = await ended(client)
        await api.client.put(f"{RULES}/rule", json=RULE)
        assert (await bystander.event())[0] == "ADDED", "it was not this one's token"
    assert (code, why) == (401, "the bearer token is unknown or revoked")


@pytest.mark.parametrize("form", FORMS)
async def test_an_expired_token_ends_its_watches(
    api: Api, served: Address, form: str
) -> None:
    token = await issued(api, ttlSeconds=60)
    async with watching(served, form, f"Bearer {token['token']}") as client:
        api.clock.advance(61)
        code, why = await ended(client)
    assert code == 401
    assert "expired at" in why


async def test_a_new_administrators_token_ends_the_old_ones_watches(
    served: Address, tmp_path: Path
) -> None:
    async with watching(served, FORMS[0], "Bearer secret") as client:
        (tmp_path / "token").write_text("another\n")
        assert (await ended(client))[0] == 401


async def test_a_watch_outlives_a_ledger_that_cannot_say_whose_token_it_is(
    api: Api, served: Address
) -> None:
    token = await issued(api)
    async with watching(served, FORMS[0], f"Bearer {token['token']}") as client:
        api.ledger.available = False
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3 * vigil.PAUSE_SECONDS):
                await client.event()
        api.ledger.recover()
        await api.client.put(f"{RULES}/rule", json=RULE)
        assert (await client.event())[0] == "ADDED"


def access(groups: str) -> str:
    grant = {"claim": "groups", "value": groups, "scopes": [READ]}
    issuer = {"issuer": ISSUER, "audiences": ["meltemi"], "grants": [grant]}
    return json.dumps({"issuers": [{**issuer, "jwksUrl": "https://login/keys"}]})


def signed(**claims: Any) -> str:
    at = int(NOON.timestamp())
    plain = {"iss": ISSUER, "sub": "ann", "aud": "meltemi", "groups": ["team-a"]}
    times = {"iat": at, "exp": at + 3600}
    text = jwt.encode(plain | times | claims, SIGNER, "ES256", {"kid": "0"})
    return f"Bearer {text}"


@pytest.fixture
async def trusting(tmp_path: Path) -> AsyncIterator[tuple[Api, Address]]:
    path = tmp_path / "access.yaml"
    path.write_text(access("team-a"))
    key = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(SIGNER.public_key()))
    async with galley_api(tmp_path, {"GALLEY_ACCESS_FILE": str(path)}) as api:
        api.pilots["https://login/keys"] = {"keys": [key | {"kid": "0"}]}
        async with listening(api.app) as address:
            yield api, address


async def test_an_expired_jwt_ends_its_watches(
    trusting: tuple[Api, Address],
) -> None:
    api, address = trusting
    async with watching(address, FORMS[0], signed()) as client:
        api.clock.advance(3660)
        code, why = await ended(client)
    assert code == 401
    assert "expired" in why


@pytest.mark.parametrize("form", FORMS)
async def test_a_scope_that_is_taken_away_ends_the_watches_that_needed_it(
    trusting: tuple[Api, Address], tmp_path: Path, form: str
) -> None:
    async with watching(trusting[1], form, signed()) as client:
        (tmp_path / "access.yaml").write_text(access("another-team"))
        code, why = await ended(client)
    assert code == 403
    assert "no scope to watch DestinationRule" in why


async def test_watches_of_one_token_are_looked_after_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[Evidence] = []

    class Counted:
        async def reader(self, evidence: Evidence) -> Caller | None:
            looks.append(evidence)
            return None

    monkeypatch.setattr(vigil, "PAUSE_SECONDS", 0.05)
    keeper = vigil.Vigil(Counted())
    right = vigil.Right(Evidence("Bearer a"), "watch", "DestinationRule", "*")
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(keeper.over(right)) for _ in range(100)]
        await asyncio.wait(waiting, timeout=0.5)
        for each in waiting:
            each.cancel()
    assert 1 <= len(looks) <= 11
