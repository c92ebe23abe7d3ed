"""The analyzers' words in the answers to writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

    from meltemi.testkit.galleys import Api

APIS = "/apis/networking.istio.io/v1/namespaces"
ENTRY = {
    "hosts": ["reviews.a.svc.cluster.local"],
    "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
    "resolution": "STATIC",
    "endpoints": [{"address": "10.0.0.1", "labels": {"version": "v1"}}],
}
ROUTE = {
    "hosts": ["reviews"],
    "http": [{"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}],
}
RULE = {"host": "reviews", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]}
OTHER_SUBSET = {
    "host": "reviews",
    "subsets": [{"name": "v2", "labels": {"version": "v1"}}],
}
LOST_SUBSET = (
    "IST0101 VirtualService a/one: Referenced host+subset in destinationrule not "
    "found: 'reviews+v1' (spec.http[0].route[0].destination.subset)"
)
KINDS = {
    "serviceentries": "ServiceEntry",
    "virtualservices": "VirtualService",
    "destinationrules": "DestinationRule",
}


def object_of(plural: str, spec: Any, namespace: str = "a") -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": KINDS[plural],
        "metadata": {"name": "one", "namespace": namespace},
        "spec": spec,
    }


async def put(
    api: Api, plural: str, spec: Any, query: str = "", namespace: str = "a", **more: Any
) -> httpx2.Response:
    url = f"{APIS}/{namespace}/{plural}/one{query}"
    answer = await api.client.put(url, json=object_of(plural, spec, namespace), **more)
    assert answer.status_code in (200, 201), answer.text
    return answer


def told(answer: httpx2.Response) -> list[str]:
    found = answer.headers.get_list("warning")
    return [line.removeprefix('299 galley "').removesuffix('"') for line in found]


async def complete(api: Api) -> None:
    await put(api, "serviceentries", ENTRY)
    await put(api, "destinationrules", RULE)
    assert told(await put(api, "virtualservices", ROUTE)) == []


async def test_a_write_is_told_what_it_points_at_in_vain(api: Api) -> None:
    lines = told(await put(api, "virtualservices", ROUTE))
    assert lines == [
        "IST0101 VirtualService a/one: Referenced host not found: 'reviews' (spec.http[0].route[0].destination.host)",
        "IST0101 VirtualService a/one: Referenced host+subset in destinationrule not found: 'reviews+v1' (spec.http[0].route[0].destination.subset)",
    ]
    await put(api, "serviceentries", ENTRY)
    await put(api, "destinationrules", RULE)
    again = await put(api, "virtualservices", ROUTE)
    assert again.headers["meltemi-outcome"] == "unchanged"
    assert told(again) == []


async def test_a_write_is_told_what_it_breaks(api: Api) -> None:
    await complete(api)
    assert told(await put(api, "destinationrules", OTHER_SUBSET)) == [LOST_SUBSET]
    again = await put(api, "destinationrules", OTHER_SUBSET)
    assert told(again) == [], "it is broken already"
    assert told(await put(api, "destinationrules", RULE)) == []


async def test_a_dry_run_foresees_it_and_leaves_no_trace(api: Api) -> None:
    await complete(api)
    head = api.ledger.head
    changed = await put(api, "destinationrules", OTHER_SUBSET, "?dryRun=All")
    assert told(changed) == [LOST_SUBSET]
    url = f"{APIS}/a/destinationrules/one?dryRun=All"
    assert told(await api.client.delete(url)) == [LOST_SUBSET]
    assert api.ledger.head == head
    assert told(await put(api, "virtualservices", ROUTE)) == []


async def test_a_removal_is_told_what_it_breaks(api: Api) -> None:
    await complete(api)
    answer = await api.client.delete(f"{APIS}/a/serviceentries/one")
    assert [line[:40] for line in told(answer)] == [
        "IST0174 DestinationRule a/one: The host ",
        "IST0101 VirtualService a/one: Referenced",
    ]


async def test_a_batch_is_looked_at_as_a_whole(api: Api) -> None:
    items = [
        object_of("virtualservices", ROUTE),
        object_of("serviceentries", ENTRY),
    ]
    for query in ("?dryRun=All", "", "?atomic=false"):
        answer = await api.client.post(f"/api/v1/batch{query}", json=items)
        assert told(answer) == [
            "IST0101 VirtualService a/one: Referenced host+subset in destinationrule not found: 'reviews+v1' (spec.http[0].route[0].destination.subset)"
        ]


async def test_each_warning_names_its_object_in_the_body_too(api: Api) -> None:
    one = await put(api, "virtualservices", ROUTE)
    first = {
        "code": "IST0101",
        "kind": "VirtualService",
        "namespace": "a",
        "name": "one",
        "message": 'Referenced host not found: "reviews"',
        "path": "spec.http[0].route[0].destination.host",
    }
    assert one.json()["status"]["warnings"][0] == first
    assert len(one.json()["status"]["warnings"]) == len(told(one)) == 2
    back = await api.client.put(f"{APIS}/a/virtualservices/one", json=one.json())
    assert back.headers["meltemi-outcome"] == "unchanged", "it can be written back"
    found = (await api.client.get(f"{APIS}/a/virtualservices/one")).json()
    assert "warnings" not in found["status"]
    items = [object_of("virtualservices", ROUTE, each) for each in ("b", "c")]
    for query in ("", "?atomic=false"):
        answer = (await api.client.post(f"/api/v1/batch{query}", json=items)).json()
        named = [(e["kind"], e["namespace"], e["name"]) for e in answer["items"]]
        assert named == [("VirtualService", each, "one") for each in "bc"]
        spoken = [(each["namespace"], each["code"]) for each in answer["warnings"]]
        assert spoken == [(each, "IST0101") for each in "bbcc"]
    await complete(api)
    gone = await api.client.delete(f"{APIS}/a/serviceentries/one")
    kinds = [each["kind"] for each in gone.json()["warnings"]]
    assert kinds == ["DestinationRule", "VirtualService"]


async def test_what_others_wrote_is_known_once_the_ledger_tells(api: Api) -> None:
    await complete(api)
    listing = await api.ledger.list("/mesh/v1/default/")
    api.mirror.replace(listing)
    kept = tuple(each for each in listing.entries if "destinationrules" not in each.key)
    gone = type(listing)(listing.epoch, type(listing.revision)(99), kept)
    api.mirror.replace(gone)
    assert len(told(await put(api, "virtualservices", ROUTE))) == 1


async def test_nobody_learns_of_objects_that_it_may_not_read(api: Api) -> None:
    await complete(api)
    scope = {"verbs": ["read", "write"], "kinds": ["*"], "namespaces": ["b"]}
    made = await api.client.post(
        "/api/v1/tokens", json={"name": "b", "scopes": [scope]}
    )
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    full = {**ROUTE, "hosts": ["reviews.a.svc.cluster.local"]}
    mine = told(await put(api, "virtualservices", full, namespace="b", headers=bearer))
    hidden = "an object that you may not read conflicts with it"
    assert f"IST0109 VirtualService b/one: {hidden}" in mine
    assert not any("a/one" in line for line in mine)
    admins = told(await put(api, "virtualservices", full, namespace="b"))
    assert any("a/one,b/one" in line for line in admins)


async def test_a_conflict_is_a_condition_that_names_the_other_and_who_wins(
    api: Api,
) -> None:
    await put(api, "virtualservices", {**ROUTE, "hosts": ["x.com"]})
    api.clock.advance(60)
    await put(api, "virtualservices", {**ROUTE, "hosts": ["x.com"]}, namespace="b")
    told = [await conflicted(api, namespace) for namespace in "ab"]
    assert told == [
        (
            "Wins",
            "VirtualService/b/one routes host x.com, too: this one, the older, wins",
        ),
        ("Loses", "VirtualService/a/one routes host x.com, too: it, the older, wins"),
    ]
    wish = {
        "name": "b-only",
        "scopes": [{"verbs": ["read"], "kinds": ["*"], "namespaces": ["b"]}],
    }
    token = (await api.client.post("/api/v1/tokens", json=wish)).json()["token"]
    _, message = await conflicted(api, "b", Authorization=f"Bearer {token}")
    assert message.startswith("an object you may not read routes host x.com")
    await api.client.delete(f"{APIS}/a/virtualservices/one")
    assert await conflicted(api, "b") == ("NoConflict", "nobody wants the same")


async def conflicted(api: Api, namespace: str, **headers: str) -> tuple[str, str]:
    """Return what one object and a list of all say of the object's conflicts."""
    url = f"{APIS}/{namespace}/virtualservices"
    (item,) = (await api.client.get(url, headers=headers)).json()["items"]
    one = (await api.client.get(f"{url}/one", headers=headers)).json()
    assert one["status"] == item["status"]
    found = {each["type"]: each for each in one["status"]["conditions"]}["Conflicted"]
    assert (found["status"] == "True") == (found["reason"] != "NoConflict")
    return found["reason"], found["message"]


async def settled(api: Api, group: str, kind: str, plural: str, spec: Any) -> list[str]:
    """Write an object of the whole mesh; return whom the answer warns of."""
    metadata = {"name": "default", "namespace": "istio-system"}
    body = {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}
    url = f"/apis/{group}/namespaces/istio-system/{plural}/default"
    answer = await api.client.put(url, json=body)
    assert answer.status_code in (200, 201), answer.text
    return [each.partition(": ")[0] for each in told(answer)]


async def test_a_provider_that_is_not_there_is_told_by_either_write(api: Api) -> None:
    mesh = ("mesh.istio.io/v1alpha1", "MeshConfig", "meshconfigs")
    telemetry = ("telemetry.istio.io/v1", "Telemetry", "telemetries")
    tracer = {"name": "tracer", "zipkin": {"service": "a.b", "port": 1}}
    named = {"tracing": [{"providers": [{"name": "Tracer"}]}]}
    lost = ["UNKNOWN_PROVIDER Telemetry istio-system/default"]
    assert await settled(api, *telemetry, named) == lost
    assert await settled(api, *mesh, {"extensionProviders": [tracer]}) == []
    assert await settled(api, *telemetry, named) == []
    assert await settled(api, *mesh, {"extensionProviders": []}) == lost
    defaults = {"defaultProviders": {"tracing": ["tracer"]}}
    told_of = await settled(api, *mesh, defaults)
    assert told_of == ["UNKNOWN_PROVIDER MeshConfig istio-system/default"]
