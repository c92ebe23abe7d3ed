"""Who may do what, and that it can be read afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.testkit.galleys import Api

APIS = "/apis/networking.istio.io/v1"
TOKENS = "/api/v1/tokens"
A_ONLY = {"verbs": ["read", "write"], "kinds": ["*"], "namespaces": ["a"]}
EVERYWHERE = {"verbs": ["*"], "kinds": ["*"], "namespaces": ["*"]}


def rule(host: str = "a") -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "rule"},
        "spec": {"host": host},
    }


def url(namespace: str, name: str = "/rule") -> str:
    return f"{APIS}/namespaces/{namespace}/destinationrules{name}"


async def token(api: Api, *scopes: dict[str, Any], **more: Any) -> dict[str, str]:
    wish = {"name": "ci", "scopes": scopes, **more}
    answer = await api.client.post(TOKENS, json=wish)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_a_token_for_one_namespace_neither_writes_nor_reads_another(
    api: Api,
) -> None:
    bearer = await token(api, A_ONLY)
    await api.client.put(url("b"), json=rule())
    assert (
        await api.client.put(url("a"), json=rule(), headers=bearer)
    ).status_code == 201
    assert (await api.client.get(url("a"), headers=bearer)).status_code == 200
    assert (await api.client.get(url("a", ""), headers=bearer)).status_code == 200
    head = api.ledger.head
    everywhere = f"{APIS}/destinationrules"
    for answer in (
        await api.client.put(url("b"), json=rule("b"), headers=bearer),
        await api.client.post(url("b", ""), json=rule("b"), headers=bearer),
        await api.client.delete(url("b"), headers=bearer),
        await api.client.delete(url("b", ""), headers=bearer),
        await api.client.get(url("b"), headers=bearer),
        await api.client.get(url("b", ""), headers=bearer),
        await api.client.get(url("b", "?watch=1"), headers=bearer),
        await api.client.get(url("b", "/rule/history"), headers=bearer),
        await api.client.get(url("b", "/rule/distribution"), headers=bearer),
        await api.client.get(everywhere, headers=bearer),
        await api.client.get("/api/v1/proxies", headers=bearer),
        await api.client.get(TOKENS, headers=bearer),
        await api.client.post(TOKENS, json={}, headers=bearer),
        await api.client.get("/api/v1/audit", headers=bearer),
    ):
        assert (answer.status_code, answer.request.url) == (403, answer.request.url)
    item = {**rule("b"), "metadata": {"name": "rule", "namespace": "b"}}
    batch = await api.client.post("/api/v1/batch", json=[item], headers=bearer)
    assert batch.status_code == 403
    assert api.ledger.head == head, "a refusal leaves no trace in the ledger"
    audit = (await api.client.get("/api/v1/audit?actor=ci")).json()["items"]
    refused = [each for each in audit if not each["allowed"]]
    assert ("put", url("b"), "caller.forbidden") in [
        (each["verb"], each["target"], each["outcome"]) for each in refused
    ]


async def test_verbs_are_told_apart(api: Api) -> None:
    reader = await token(api, {**A_ONLY, "verbs": ["read"]})
    assert (
        await api.client.put(url("a"), json=rule(), headers=reader)
    ).status_code == 403
    creator = await token(api, {**A_ONLY, "verbs": ["create"]})
    assert (
        await api.client.put(url("a"), json=rule(), headers=creator)
    ).status_code == 201
    again = await api.client.put(url("a"), json=rule("b"), headers=creator)
    assert again.status_code == 403, "replacing is an update"
    assert (await api.client.get(url("a"), headers=creator)).status_code == 403


async def test_the_root_namespace_must_be_named(api: Api) -> None:
    wide = await token(api, EVERYWHERE)
    root = url("istio-system")
    assert (await api.client.put(root, json=rule(), headers=wide)).status_code == 403
    named = await token(api, {**EVERYWHERE, "namespaces": ["istio-system"]})
    assert (await api.client.put(root, json=rule(), headers=named)).status_code == 201
    assert (await api.client.get(root, headers=wide)).status_code == 200


async def test_a_token_ends_when_it_expires_or_is_revoked(api: Api) -> None:
    short = await token(api, A_ONLY, ttlSeconds=60)
    revoked = await token(api, A_ONLY)
    api.clock.advance(61)
    assert (await api.client.get(url("a", ""), headers=short)).status_code == 401
    listed = (await api.client.get(TOKENS)).json()["items"]
    assert [each["name"] for each in listed] == ["ci", "ci"]
    assert (await api.client.get(url("a", ""), headers=revoked)).status_code == 200
    gone = await api.client.delete(f"{TOKENS}/{listed[1]['id']}")
    assert gone.status_code == 204
    assert (await api.client.get(url("a", ""), headers=revoked)).status_code == 401
    assert (await api.client.delete(f"{TOKENS}/{listed[1]['id']}")).status_code == 404


async def test_a_token_is_kept_only_as_its_hash(api: Api) -> None:
    shown = (await token(api, A_ONLY))["Authorization"].removeprefix("Bearer ")
    stored = (await api.ledger.list("/mesh/auth/")).entries
    assert len(stored) == 1
    assert shown.rpartition("_")[2].encode() not in stored[0].value
    listed = (await api.client.get(TOKENS)).json()["items"][0]
    assert set(listed) == {"id", "name", "scopes", "created", "createdBy", "expires"}


async def test_known_tokens_read_on_while_the_ledger_is_away(api: Api) -> None:
    bearer = await token(api, A_ONLY)
    await api.client.put(url("a"), json=rule(), headers=bearer)
    api.mirror.replace(await api.ledger.list("/mesh/v1/default/"))
    api.ledger.available = False
    assert (await api.client.get(url("a"), headers=bearer)).status_code == 200
    assert (await api.client.get(url("b"), headers=bearer)).status_code == 403
    wrong = {"Authorization": bearer["Authorization"] + "x"}
    assert (await api.client.get(url("a"), headers=wrong)).status_code == 401


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"name": "Upper", "scopes": [A_ONLY]},
        {"name": "ci", "scopes": []},
        {"name": "ci", "scopes": [{**A_ONLY, "more": 1}]},
        {"name": "ci", "scopes": [A_ONLY], "ttlSeconds": 0},
    ],
)
async def test_a_malformed_wish_gets_no_token(api: Api, wish: dict[str, Any]) -> None:
    assert (await api.client.post(TOKENS, json=wish)).status_code == 422


async def test_an_unknown_verb_gets_no_token(api: Api) -> None:
    wish = {"name": "ci", "scopes": [{**A_ONLY, "verbs": ["spin"]}]}
    answer = await api.client.post(TOKENS, json=wish)
    assert answer.status_code == 400
    assert "no verb 'spin'" in answer.json()["detail"]


async def test_no_token_poses_as_the_administrator(api: Api) -> None:
    wish = {"name": "admin", "scopes": [A_ONLY]}
    answer = await api.client.post(TOKENS, json=wish)
    assert answer.status_code == 400
    assert "cannot be called 'admin'" in answer.json()["detail"]


async def test_each_object_of_a_batch_is_in_the_audit(api: Api) -> None:
    bearer = await token(api, A_ONLY)
    names = [{"name": "rule", "namespace": each} for each in ("a", "b")]
    items = [{**rule(), "metadata": each} for each in names]
    batch = "/api/v1/batch?atomic="
    told = await api.client.post(f"{batch}false", json=items, headers=bearer)
    assert [each["outcome"] for each in told.json()["items"]] == ["created", "refused"]
    assert told.json()["items"][1]["status"] == 403
    await api.client.post(f"{batch}true", json=items, headers=bearer)
    audit = (await api.client.get("/api/v1/audit?verb=batch")).json()["items"]
    seen = [(each["target"], each["outcome"], each["allowed"]) for each in audit]
    assert sorted(seen[2:]) == [
        ("DestinationRule/a/rule", "created", True),
        ("DestinationRule/b/rule", "caller.forbidden", False),
    ]
    assert {(target, allowed) for target, _, allowed in seen[:2]} == {
        ("DestinationRule/a/rule", False),
        ("DestinationRule/b/rule", False),
    }, "together or not at all"
    (created,) = [each for each in audit if each["outcome"] == "created"]
    assert int(created["revision"]) > 0


async def test_a_token_that_is_not_believed_reads_nothing(api: Api) -> None:
    wrong = {"Authorization": "Bearer rubbish"}
    assert (await api.client.get(url("a", ""), headers=wrong)).status_code == 401
    nobody = {"Authorization": ""}
    assert (await api.client.get(url("a", ""), headers=nobody)).status_code == 200


async def test_a_parameter_that_nothing_reads_is_refused(api: Api) -> None:
    await api.client.put(url("a"), json=rule())
    everything = await api.client.delete(url("a", "?labelselector=team%3Dnone"))
    assert everything.status_code == 400
    assert "did you mean 'labelSelector'?" in everything.json()["detail"]
    assert (await api.client.get(url("a"))).status_code == 200


async def test_every_write_is_in_the_audit_and_in_its_file(
    api: Api, tmp_path: Path
) -> None:
    why = {"Meltemi-Reason": "because"}
    written = await api.client.put(url("a"), json=rule(), headers=why)
    await api.client.put(url("a"), json=rule(), headers={"Authorization": ""})
    await api.client.put(url("a"), json={**rule(), "spec": {}})
    await api.client.delete(url("a"))
    found = (await api.client.get("/api/v1/audit")).json()["items"]
    assert [each["outcome"] for each in found] == [
        "deleted",
        "config.invalid",
        "caller.unauthenticated",
        "created",
    ]
    assert found[2]["actor"] == "anonymous"
    assert found[3] == {
        "time": "2030-01-01T12:00:00.000000Z",
        "actor": "admin",
        "address": "127.0.0.1",
        "verb": "put",
        "target": url("a"),
        "outcome": "created",
        "allowed": True,
        "revision": written.headers["etag"].strip('"'),
        "reason": "because",
    }
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(reversed(found))
    one = await api.client.get("/api/v1/audit?verb=delete&limit=1")
    assert len(one.json()["items"]) == 1
    assert (await api.client.get("/api/v1/audit?limit=0")).status_code == 400
