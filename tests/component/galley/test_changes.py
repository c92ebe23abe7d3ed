"""Patches, batches, histories: changes of more than one kind, each of them whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from meltemi.galley.adapters import batches
from meltemi.store.ports import Write

if TYPE_CHECKING:
    from meltemi.testkit.galleys import Api

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
MERGE = {"Content-Type": "application/merge-patch+json"}
STEPS = {"Content-Type": "application/json-patch+json"}
YAML = {"Content-Type": "application/yaml"}
BATCH = "/api/v1/batch"


def rule(name: str, host: str = "a", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, **metadata},
        "spec": {"host": host},
    }


async def put(api: Api, name: str, host: str = "a", **headers: str) -> Any:
    return await api.client.put(
        f"{RULES}/{name}", json=rule(name, host), headers=headers
    )


async def patch(api: Api, content: str, headers: dict[str, str]) -> Any:
    return await api.client.patch(f"{RULES}/a", content=content, headers=headers)


async def host(api: Api, name: str) -> str | None:
    answer = await api.client.get(f"{RULES}/{name}")
    return answer.json()["spec"]["host"] if answer.is_success else None


async def test_both_forms_of_patches_change_a_part(api: Api) -> None:
    await put(api, "a")
    first = await patch(
        api, '{"metadata":{"labels":{"x":"y"}},"spec":{"host":"b"}}', MERGE
    )
    assert first.status_code == 200
    assert first.headers["meltemi-outcome"] == "configured"
    assert first.json()["metadata"]["labels"] == {"x": "y"}
    steps = (
        '[{"op":"test","path":"/spec/host","value":"b"},'
        '{"op":"replace","path":"/spec/host","value":"c"},'
        '{"op":"remove","path":"/metadata/labels/x"}]'
    )
    second = await patch(api, steps, STEPS)
    assert second.json()["spec"] == {"host": "c"}
    assert "labels" not in second.json()["metadata"]
    head = api.ledger.head
    failed = await patch(api, steps, STEPS)
    assert failed.status_code == 422
    assert "operation 0 (test '/spec/host')" in failed.json()["detail"]
    assert api.ledger.head == head


async def test_a_patch_that_spoils_an_object_names_the_field(api: Api) -> None:
    await put(api, "a")
    answer = await patch(api, '{"spec":{"hst":"b"}}', MERGE)
    assert answer.status_code == 422
    problem = answer.json()["errors"][0]
    assert (problem["pointer"], problem["hint"]) == (
        "/spec/hst",
        "did you mean 'host'?",
    )


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        ('{"metadata":{"name":"b"}}', MERGE, 422),
        ('{"metadata":{"namespace":"b"}}', MERGE, 422),
        ('{"metadata":{"resourceVersion":"1"},"spec":{"host":"z"}}', MERGE, 409),
        ("[1", MERGE, 422),
        ("[1]", STEPS, 422),
        ("null", MERGE, 400),
        ("{}", {"Content-Type": "application/json"}, 415),
        ('{"spec":{"host":"z"}}', MERGE | {"If-Match": '"1"'}, 412),
    ],
)
async def test_a_patch_that_does_not_fit_changes_nothing(
    api: Api, content: str, headers: dict[str, str], status: int
) -> None:
    await put(api, "a")
    head = api.ledger.head
    assert (await patch(api, content, headers)).status_code == status
    assert api.ledger.head == head


async def test_what_is_not_there_cannot_be_patched(api: Api) -> None:
    assert (await patch(api, "{}", MERGE)).status_code == 404


async def test_a_batch_is_one_revision_or_nothing(api: Api) -> None:
    await put(api, "old")
    await put(api, "dead")
    removal = {"operation": "delete", "object": rule("dead")}
    items = [rule("new"), rule("old", "b"), removal]
    answer = await api.client.post(f"{BATCH}?atomic=true", json=items)
    assert answer.status_code == 200
    told = answer.json()["items"]
    assert [each["outcome"] for each in told] == ["created", "configured", "deleted"]
    revisions = {each["object"]["metadata"]["resourceVersion"] for each in told}
    assert revisions == {str(api.ledger.head)}
    uids = {each["object"]["metadata"]["uid"] for each in told}
    assert len(uids) == 3
    assert [await host(api, name) for name in ("new", "old", "dead")] == [
        "a",
        "b",
        None,
    ]

    head = api.ledger.head
    stale = {"object": rule("old", "c"), "preconditions": {"resourceVersion": "1"}}
    refused = await api.client.post(BATCH, json=[rule("other"), stale])
    assert refused.status_code == 409
    exists = {"operation": "create", "object": rule("old", "c")}
    assert (await api.client.post(BATCH, json=[exists])).status_code == 409
    tagged = {"object": rule("old", "c"), "preconditions": {"ifNoneMatch": "*"}}
    assert (await api.client.post(BATCH, json=[tagged])).status_code == 412
    twice = await api.client.post(BATCH, json=[rule("x"), rule("x", "b")])
    assert twice.status_code == 422
    assert api.ledger.head == head


async def test_every_problem_of_a_batch_is_told_and_nothing_written(api: Api) -> None:
    head = api.ledger.head
    text = "\n---\n".join(
        f"apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: r{number}}}\nspec: {{hst: a}}"
        for number in range(2)
    )
    answer = await api.client.post(BATCH, content=text, headers=YAML)
    assert answer.status_code == 422
    assert {each["source"]["document"] for each in answer.json()["errors"]} == {1, 2}
    bad = [rule("a"), {**rule("b"), "spec": {}}, {**rule("c"), "spec": {}}]
    listed = await api.client.post(BATCH, json=bad)
    files = {each["source"]["file"] for each in listed.json()["errors"]}
    assert files == {"request[1]", "request[2]"}
    for odd in ([1], [{"object": 1}], [{"object": {}, "operation": "spin"}]):
        assert (await api.client.post(BATCH, json=odd)).status_code == 422
    assert api.ledger.head == head


async def test_128_new_objects_fit_a_transaction_and_129_get_advice(api: Api) -> None:
    many = [rule(f"r{number}") for number in range(128)]
    assert (await api.client.post(BATCH, json=many)).status_code == 200
    more = await api.client.post(BATCH, json=[*many, rule("straw")])
    assert more.status_code == 413
    assert "split the batch" in more.json()["detail"]
    replaced = [rule(f"r{number}", "b") for number in range(65)]
    assert (await api.client.post(BATCH, json=replaced)).status_code == 413
    apart = await api.client.post(f"{BATCH}?atomic=false", json=replaced)
    assert {each["outcome"] for each in apart.json()["items"]} == {"configured"}


async def test_without_atomic_a_refusal_stays_with_its_own_object(api: Api) -> None:
    stale = {"object": rule("old"), "preconditions": {"ifMatch": '"7"'}}
    answer = await api.client.post(f"{BATCH}?atomic=false", json=[stale, rule("new")])
    told = answer.json()["items"]
    assert [each["outcome"] for each in told] == ["refused", "created"]
    assert told[0]["problem"]["code"] == "config.precondition-failed"


async def test_history_tells_who_did_what_and_why(api: Api) -> None:
    first = await put(api, "a", "one", **{"Meltemi-Reason": "launch"})
    second = await put(api, "a", "two")
    await put(api, "a", "two")
    await api.client.delete(f"{RULES}/a", headers={"Meltemi-Reason": "retired"})
    last = await put(api, "a", "three")
    found = (await api.client.get(f"{RULES}/a/history")).json()["items"]
    assert [each["operation"] for each in found] == [
        "Create",
        "Delete",
        "Update",
        "Create",
    ]
    revisions = [each["revision"] for each in found]
    assert revisions == sorted(revisions, key=int, reverse=True)
    assert revisions[0] == last.json()["metadata"]["resourceVersion"]
    assert revisions[2:] == [
        each.json()["metadata"]["resourceVersion"] for each in (second, first)
    ]
    assert [each["previous"] for each in found] == [*revisions[1:], ""]
    assert [each["reason"] for each in found] == ["", "retired", "", "launch"]
    assert {each["actor"] for each in found} == {"admin"}
    assert found[3]["object"]["spec"] == {"host": "one"}


async def test_rolling_back_is_a_new_write(api: Api) -> None:
    first = (await put(api, "a", "one")).json()["metadata"]["resourceVersion"]
    await put(api, "a", "two")
    back = await api.client.post(f"{RULES}/a/rollback", params={"revision": first})
    assert back.status_code == 200
    assert back.json()["spec"] == {"host": "one"}
    assert back.json()["metadata"]["resourceVersion"] == str(api.ledger.head)
    assert back.json()["metadata"]["generation"] == 3
    newest = (await api.client.get(f"{RULES}/a/history")).json()["items"][0]
    assert newest["reason"] == f"rollback to revision {first}"
    await api.client.delete(f"{RULES}/a")
    again = await api.client.post(
        f"/api/v1{RULES}/a/rollback", params={"revision": first}
    )
    assert again.status_code == 201, "what was removed can be had back"
    unknown = await api.client.post(f"{RULES}/a/rollback", params={"revision": "1"})
    assert unknown.status_code == 404
    assert first in unknown.json()["detail"]


async def test_the_last_twenty_versions_are_kept(api: Api) -> None:
    for number in range(41):
        await put(api, "a", f"host-{number}")
    await api.pruning.prune()
    kept = await api.ledger.list("/mesh/history/v1/default/")
    assert len(kept.entries) == 20
    found = (await api.client.get(f"{RULES}/a/history")).json()["items"]
    assert found[0]["object"]["spec"] == {"host": "host-40"}
    assert found[-1]["object"]["spec"] == {"host": "host-20"}


async def test_a_dry_run_names_the_proxies_that_would_be_affected(api: Api) -> None:
    rows: list[dict[str, Any]] = [
        {"proxy": name, "pilot": "p", "connected": True, "revision": "1", "types": {}}
        for name in ("reviews-v1.default", "reviews-v1.prod")
    ]
    api.pilots["http://pilot:1/api/v1/proxies"] = rows
    api.pilots["http://pilot:1/api/v1/refusals"] = []
    await announce(api)
    text = {**rule("a"), "spec": {"host": "a", "exportTo": ["."]}}
    dry = await api.client.put(f"{RULES}/a", json=text, params={"dryRun": "All"})
    assert dry.json()["status"]["affectedProxies"] == ["reviews-v1.default"]
    wide = await api.client.put(f"{RULES}/a", json=rule("a"), params={"dryRun": "All"})
    assert len(wide.json()["status"]["affectedProxies"]) == 2
    await put(api, "a")
    same = await api.client.put(f"{RULES}/a", json=rule("a"), params={"dryRun": "All"})
    assert same.json()["status"]["affectedProxies"] == [], "nothing would change"


async def announce(api: Api) -> None:
    value = b'{"name":"p","http":"pilot:1"}'
    await api.ledger.commit([Write("/mesh/runtime/v1/default/pilots/p", value)])


@pytest.mark.parametrize("form", ["json", "yaml"])
async def test_a_batch_of_single_writes_has_a_limit_too(
    api: Api, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(batches, "MOST_APART", 2)
    objects = [json.dumps(rule(name)) for name in "abc"]
    head = api.ledger.head
    many = f"[{','.join(objects)}]" if form == "json" else "\n---\n".join(objects)
    query = {"atomic": "false"}
    refused = await api.client.post(BATCH, content=many, params=query, headers=YAML)
    assert refused.status_code == 413
    assert "3 objects, at most 2: send them in several" in refused.json()["detail"]
    assert api.ledger.head == head
    few = f"[{','.join(objects[1:])}]"
    taken = await api.client.post(BATCH, content=few, params=query, headers=YAML)
    assert taken.status_code == 200
