"""What is Meltemi's own among labels and annotations, by every way to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meltemi.config.ledger_keys import ledger_key
from meltemi.galley.reserved import SOURCE
from meltemi.kernel.names import Key, Namespace
from meltemi.store.ports import Write

if TYPE_CHECKING:
    from meltemi.testkit.galleys import Api

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
MERGE = {"Content-Type": "application/merge-patch+json"}
BATCH = "/api/v1/batch"
OWNED = {SOURCE: "directory"}


def rule(name: str = "rule", host: str = "a", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, **metadata},
        "spec": {"host": host},
    }


async def claimed(api: Api) -> None:
    """Have an object that is a directory's."""
    await api.client.put(f"{RULES}/rule", json=rule(labels={"team": "a"}))
    place = ledger_key("default", Key("DestinationRule", Namespace("default"), "rule"))
    entry = await api.ledger.get(place)
    assert entry is not None
    value = entry.value.replace(b'"team":"a"', b'"%s":"directory"' % SOURCE.encode())
    assert value != entry.value
    await api.ledger.commit([Write(place, value)])


async def test_no_way_of_writing_slips_an_object_under_a_directory(api: Api) -> None:
    await api.client.put(f"{RULES}/rule", json=rule())
    head = api.ledger.head
    asked = rule(labels=OWNED)
    patch = {"metadata": {"annotations": OWNED}}
    for answer in (
        await api.client.put(f"{RULES}/rule", json=asked),
        await api.client.put(f"{RULES}/rule?dryRun=All", json=asked),
        await api.client.post(RULES, json=rule("new", labels=OWNED)),
        await api.client.patch(f"{RULES}/rule", json=patch, headers=MERGE),
        await api.client.post(BATCH, json=[rule("new", labels=OWNED)]),
    ):
        told = answer.json()
        assert (answer.status_code, told["code"]) == (403, "config.reserved")
        assert f'["{SOURCE}"]' in told["detail"]
    each = await api.client.post(f"{BATCH}?atomic=false", json=[asked])
    assert each.json()["items"][0]["problem"]["code"] == "config.reserved"
    assert api.ledger.head == head
    refused = (await api.client.get("/api/v1/audit")).json()["items"]
    assert [each["allowed"] for each in refused[:6]] == [False] * 6


async def test_what_a_directory_owns_is_edited_like_anything_else(api: Api) -> None:
    await claimed(api)
    found = (await api.client.get(f"{RULES}/rule")).json()
    found["spec"]["host"] = "b"
    edited = await api.client.put(f"{RULES}/rule", json=found)
    assert (edited.status_code, edited.json()["metadata"]["labels"]) == (200, OWNED)
    taken = await api.client.put(f"{RULES}/rule", json=rule(host="c"))
    assert "labels" not in taken.json()["metadata"], "the API's from now on"


async def test_a_rollback_leaves_whose_it_is(api: Api) -> None:
    await claimed(api)
    found = (await api.client.get(f"{RULES}/rule")).json()
    await api.client.put(f"{RULES}/rule", json=rule(host="c"))
    query = {"revision": found["metadata"]["resourceVersion"]}
    back = await api.client.post(f"{RULES}/rule/rollback", params=query)
    assert (back.status_code, back.json()["spec"]) == (200, {"host": "a"})
    assert "labels" not in back.json()["metadata"]
