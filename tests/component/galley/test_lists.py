"""Lists in pages, and reads that cost nothing when nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meltemi.kernel.names import Revision
from meltemi.store.ports import Write

if TYPE_CHECKING:
    from meltemi.testkit.galleys import Api

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
PLACE = "/mesh/v1/default/destinationrules.networking.istio.io/default/"


async def put(api: Api, name: str, host: str = "a", **labels: str) -> int:
    body = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, "labels": labels},
        "spec": {"host": host},
    }
    answer = await api.client.put(f"{RULES}/{name}", json=body)
    return int(answer.json()["metadata"]["resourceVersion"])


async def pages(api: Api, **query: str) -> list[dict[str, Any]]:
    found = [(await api.client.get(RULES, params=query)).json()]
    while rest := found[-1]["metadata"].get("continue"):
        asked = {**query, "continue": rest}
        found.append((await api.client.get(RULES, params=asked)).json())
    return found


def names(page: dict[str, Any]) -> list[str]:
    return [each["metadata"]["name"] for each in page["items"]]


async def test_pages_are_all_of_the_first_ones_revision(api: Api) -> None:
    for name in "abcde":
        await put(api, name)
    first = (await api.client.get(RULES, params={"limit": "2"})).json()
    assert first["metadata"]["remainingItemCount"] == 3
    await put(api, "aa")
    await put(api, "d", host="later")
    await api.client.delete(f"{RULES}/e")
    query = {"limit": "2", "continue": first["metadata"]["continue"]}
    second = (await api.client.get(RULES, params=query)).json()
    query["continue"] = second["metadata"]["continue"]
    third = (await api.client.get(RULES, params=query)).json()
    assert [names(each) for each in (first, second, third)] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
    ]
    assert second["items"][1]["spec"]["host"] == "a"
    assert "continue" not in third["metadata"]
    revisions = {each["metadata"]["resourceVersion"] for each in (first, second, third)}
    assert len(revisions) == 1


async def test_a_page_is_filled_with_what_is_selected(api: Api) -> None:
    for number in range(12):
        await put(api, f"r{number:02}", team="a" if number % 3 == 0 else "b")
    found = await pages(api, labelSelector="team=a", limit="3")
    assert [names(each) for each in found] == [["r00", "r03", "r06"], ["r09"]]
    assert "remainingItemCount" not in found[0]["metadata"], "nobody counted"
    fields = await pages(api, fieldSelector="metadata.name!=r00", limit="11")
    assert [len(each["items"]) for each in fields] == [11]


async def test_a_list_whose_revision_is_gone_is_410(api: Api) -> None:
    for name in "abc":
        await put(api, name)
    first = (await api.client.get(RULES, params={"limit": "1"})).json()
    head = await put(api, "d")
    await api.ledger.compact(Revision(head))
    query = {"limit": "1", "continue": first["metadata"]["continue"]}
    expired = await api.client.get(RULES, params=query)
    assert expired.status_code == 410
    assert expired.json()["code"] == "config.expired"


async def test_nonsense_in_a_query_is_refused(api: Api) -> None:
    for query in (
        {"limit": "-1"},
        {"limit": "many"},
        {"continue": "abc"},
        {"continue": "eyJyIjoxfQ=="},
        {"fieldSelector": "spec.http=a"},
        {"watch": "1", "resourceVersion": "x"},
    ):
        answer = await api.client.get(RULES, params=query)
        assert (answer.status_code, query) == (400, query)


async def test_what_did_not_change_is_not_sent_again(api: Api) -> None:
    revision = await put(api, "a")
    known = {"If-None-Match": f'"{revision}"'}
    same = await api.client.get(f"{RULES}/a", headers=known)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == f'"{revision}"'
    await put(api, "a", host="b")
    assert (await api.client.get(f"{RULES}/a", headers=known)).status_code == 200


async def test_a_selection_is_removed_and_the_rest_stays(api: Api) -> None:
    for number in range(150):
        await put(api, f"r{number}", team="a" if number % 3 else "b")
    query = {"labelSelector": "team=a"}
    dry = await api.client.delete(RULES, params={**query, "dryRun": "All"})
    assert len(dry.json()["details"]["removed"]) == 100
    assert len((await pages(api))[0]["items"]) == 150
    gone = await api.client.delete(RULES, params=query)
    assert gone.status_code == 200
    assert gone.json()["metadata"]["resourceVersion"] == str(api.ledger.head)
    left = (await pages(api))[0]["items"]
    assert {each["metadata"]["labels"]["team"] for each in left} == {"b"}
    await api.client.delete(RULES)
    assert (await pages(api))[0]["items"] == []


async def test_an_unreadable_object_is_replaced_or_removed(api: Api) -> None:
    await api.ledger.commit([Write(PLACE + "odd", b"\xff no object")])
    assert (await api.client.get(f"{RULES}/odd")).status_code == 503
    mended = await put(api, "odd", host="good")
    assert mended == api.ledger.head
    assert (await api.client.get(f"{RULES}/odd")).json()["spec"]["host"] == "good"
    kept = (await api.client.get(f"{RULES}/odd/history")).json()["items"]
    assert [each["object"] is None for each in kept] == [False, True]

    await api.ledger.commit([Write(PLACE + "odd", b"{}")])
    gone = await api.client.delete(f"{RULES}/odd")
    assert gone.status_code == 200
    assert (await api.client.get(f"{RULES}/odd")).status_code == 404
