from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from meltemi.kernel.names import Revision
from meltemi.store.ports import Write
from meltemi.testkit.galleys import SILENCE

if TYPE_CHECKING:
    from meltemi.testkit.galleys import Api

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
REVIEWS = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews}
"""
ROW = {
    "proxy": "reviews-v1.default",
    "pilot": "pilot-0",
    "connected": True,
    "revision": "2",
    "types": {"cds": {"sent": "2", "acked": "2", "refused": None, "error": None}},
    "acked_at": {"2": "2030-01-01T12:00:00.750000Z"},
    "connected_at": "2030-01-01T11:00:00.000000Z",
    "sent_bytes": 10,
}


async def put(api: Api) -> None:
    headers = {"Content-Type": "application/yaml"}
    answer = await api.client.put(f"{RULES}/reviews", content=REVIEWS, headers=headers)
    assert answer.status_code == 201


async def announce(api: Api, name: str, port: int, rows: list[Any], *bad: Any) -> None:
    value = {"name": name, "http": f"127.0.0.1:{port}", "xds": "127.0.0.1:1"}
    key = f"/mesh/runtime/v1/default/pilots/{name}"
    await api.ledger.commit([Write(key, json.dumps(value).encode())])
    api.pilots[f"http://127.0.0.1:{port}/api/v1/proxies"] = rows
    api.pilots[f"http://127.0.0.1:{port}/api/v1/refusals"] = list(bad)


async def test_all_pilots_are_asked_and_a_dead_one_is_skipped(api: Api) -> None:
    stale = ROW | {"connected": False, "revision": "99", "pilot": "pilot-1"}
    await announce(api, "pilot-0", 5001, [ROW])
    await announce(api, "pilot-1", 5002, [stale, ROW | {"proxy": "z.default"}])
    await api.ledger.commit(
        [Write("/mesh/runtime/v1/default/pilots/dead", b'{"name":"d","http":"h:1"}')]
    )
    answer = await api.client.get("/api/v1/proxies")
    assert answer.json() == [ROW, ROW | {"proxy": "z.default"}]


async def test_a_hung_pilot_counts_with_what_it_said_last(api: Api) -> None:
    await put(api)
    await announce(api, "pilot-0", 5001, [ROW])
    await announce(api, "pilot-1", 5002, [ROW | {"proxy": "z.default"}])
    url = f"{RULES}/reviews/distribution"
    assert (await api.client.get(url)).json()["synced"] == 2
    api.pilots["http://127.0.0.1:5002/api/v1/proxies"] = SILENCE
    api.pilots["http://127.0.0.1:5001/api/v1/proxies"] = [ROW | {"revision": "7"}]
    found = (await api.client.get(f"{url}?revision=7")).json()
    assert (found["total"], found["synced"]) == (2, 1)
    assert found["pending"] == ["z.default"]


async def test_of_a_pilot_that_always_hung_nobody_knows_whom_it_serves(
    api: Api,
) -> None:
    await put(api)
    await announce(api, "pilot-0", 5001, [ROW])
    await announce(api, "pilot-1", 5002, [])
    api.pilots["http://127.0.0.1:5002/api/v1/proxies"] = SILENCE
    found = (await api.client.get(f"{RULES}/reviews/distribution")).json()
    assert found["pending"] == ["whoever is on pilot-1, which is silent"]


async def test_distribution_tells_how_far_an_object_got(api: Api) -> None:
    await put(api)
    assert api.ledger.head == Revision(2)
    await announce(api, "pilot-0", 5001, [ROW])
    found = (await api.client.get(f"{RULES}/reviews/distribution")).json()
    assert found == {
        "revision": "2",
        "total": 1,
        "synced": 1,
        "pending": [],
        "rejected": [],
        "seconds": 0.75,
    }
    read = (await api.client.get(f"{RULES}/reviews")).json()
    assert [each["status"] for each in read["status"]["conditions"]] == [
        "True",
        "True",
        "False",
        "False",
    ]


async def test_a_refusal_by_envoy_is_shown_on_the_object(api: Api) -> None:
    await put(api)
    refused = {
        "proxy": "reviews-v1.default",
        "type": "cds",
        "resource": "outbound|9080||reviews",
        "object": "DestinationRule/default/reviews",
        "path": "spec.trafficPolicy",
        "message": "Maglev table size is not prime",
    }
    await announce(api, "pilot-0", 5001, [ROW], refused)
    found = (await api.client.get(f"{RULES}/reviews/distribution")).json()
    assert found["synced"] == 0
    assert found["rejected"] == [
        {
            "proxy": "reviews-v1.default",
            "type": "cds",
            "message": "Maglev table size is not prime",
        }
    ]
    (item,) = (await api.client.get(RULES)).json()["items"]
    rejected = item["status"]["conditions"][2]
    assert (rejected["type"], rejected["status"]) == ("Rejected", "True")
    assert rejected["message"] == "Maglev table size is not prime"


async def test_a_removal_is_asked_for_by_its_revision(api: Api) -> None:
    await put(api)
    await announce(api, "pilot-0", 5001, [ROW])
    removed = (await api.client.delete(f"{RULES}/reviews")).json()
    revision = removed["metadata"]["resourceVersion"]
    url = f"/api/v1{RULES}/reviews/distribution"
    found = await api.client.get(url, params={"revision": revision})
    assert found.json()["pending"] == ["reviews-v1.default"]
    assert (await api.client.get(url)).status_code == 404


async def test_what_is_served_can_be_asked(api: Api) -> None:
    kinds = (await api.client.get("/apis")).json()["kinds"]
    assert {each["plural"] for each in kinds} >= {"virtualservices", "gateways"}


async def test_an_object_nobody_can_read_does_not_hide_the_others(api: Api) -> None:
    await put(api)
    key = "/mesh/v1/default/destinationrules.networking.istio.io/default/newer"
    await api.ledger.commit([Write(key, b'{"kind":"DestinationRule","spec":{"x":1}}')])
    listed = await api.client.get(RULES)
    assert [each["metadata"]["name"] for each in listed.json()["items"]] == ["reviews"]
    assert (await api.client.get(f"{RULES}/newer")).status_code == 503


async def test_a_method_that_is_not_served_is_said_so(api: Api) -> None:
    answer = await api.client.post(f"{RULES}/reviews")
    assert answer.status_code == 405
    assert answer.json()["code"] == "request.method"
    assert "GET" in answer.headers["allow"]


async def test_what_a_proxy_starts_with_is_never_said_to_be_everywhere(
    api: Api,
) -> None:
    await announce(api, "pilot-0", 5001, [ROW])
    url = "/apis/networking.istio.io/v1beta1/namespaces/default/proxyconfigs/all"
    proxy = {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "ProxyConfig",
        "metadata": {"name": "all"},
        "spec": {},
    }
    answer = await api.client.put(url, json=proxy)
    assert answer.status_code == 201
    assert "warning" not in answer.headers
    read = (await api.client.get(url)).json()["status"]["conditions"]
    assert [(each["type"], each["status"]) for each in read] == [
        ("Accepted", "True"),
        ("Reconciled", "False"),
        ("Conflicted", "False"),
    ]
