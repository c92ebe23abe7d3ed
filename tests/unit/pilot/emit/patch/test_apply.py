"""What EnvoyFilters do to what a proxy holds, and what they leave alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.json_format import ParseDict

from meltemi.pilot.emit.patch.apply import patched
from meltemi.pilot.ir.origin import Origin
from meltemi.pilot.ir.patch import (
    Change,
    ClusterIs,
    Context,
    ListenerIs,
    Part,
    Patch,
    RoutesAre,
)
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from meltemi.pilot.emit.patch.apply import Item

ORIGIN = Origin("EnvoyFilter", "default", "mine", "spec.configPatches[0]")
MANAGER = "envoy.filters.network.http_connection_manager"
MANAGER_TYPE = f"type.googleapis.com/{hcm.HttpConnectionManager.DESCRIPTOR.full_name}"
LUA = {"name": "lua"}


def patch(part: Part, change: Change, value: object = None, **more: Any) -> Patch:
    whole = Patch(
        part=part,
        change=change,
        context=Context.ANY,
        value=json.dumps(value) if value is not None else "",
        listener=ListenerIs(),
        routes=RoutesAre(),
        cluster=ClusterIs(),
        origin=ORIGIN,
    )
    return replace(whole, **more)


def cluster(name: str) -> Item:
    return item(TypeUrl.CLUSTER, Cluster(name=name, alt_stat_name="kept"))


def item(kind: TypeUrl, message: Any) -> Item:
    return kind, message.name, message, ()


def listener(*filters: str, chains: tuple[str, ...] = ("one",)) -> Item:
    manager = {
        "@type": MANAGER_TYPE,
        "statPrefix": "x",
        "httpFilters": [{"name": name} for name in filters],
    }
    written = {
        "name": "0.0.0.0_80",
        "address": {"socketAddress": {"address": "10.0.0.1", "portValue": 80}},
        "trafficDirection": "OUTBOUND",
        "filterChains": [
            {"name": name, "filters": [{"name": MANAGER, "typedConfig": manager}]}
            for name in chains
        ],
    }
    return item(TypeUrl.LISTENER, ParseDict(written, Listener()))


def table() -> Item:
    written = {
        "name": "80",
        "virtualHosts": [
            {
                "name": host,
                "domains": [host],
                "routes": [
                    {"name": "go", "match": {"prefix": "/"}, "route": {"cluster": "a"}},
                    {
                        "name": "stop",
                        "match": {"prefix": "/x"},
                        "directResponse": {"status": 403},
                    },
                ],
            }
            for host in ("a:80", "b:80")
        ],
    }
    return item(TypeUrl.ROUTE, ParseDict(written, RouteConfiguration()))


def http_filters(found: Message) -> list[list[str]]:
    assert isinstance(found, Listener)
    return [
        [
            each.name
            for each in hcm.HttpConnectionManager.FromString(
                chain.filters[0].typed_config.value
            ).http_filters
        ]
        for chain in found.filter_chains
    ]


@pytest.mark.parametrize(
    ("change", "named", "expected"),
    [
        (Change.BEFORE, "router", ["cors", "lua", "router"]),
        (Change.AFTER, "cors", ["cors", "lua", "router"]),
        (Change.FIRST, "", ["lua", "cors", "router"]),
        (Change.BEFORE, "", ["lua", "cors", "router"]),
        (Change.ADD, "", ["cors", "router", "lua"]),
        (Change.REPLACE, "cors", ["lua", "router"]),
        (Change.REMOVE, "cors", ["router"]),
        (Change.BEFORE, "absent", ["cors", "router"]),
        (Change.REPLACE, "absent", ["cors", "router"]),
    ],
)
def test_an_http_filter_goes_where_the_patch_says(
    change: Change, named: str, expected: list[str]
) -> None:
    made = patch(
        Part.HTTP_FILTER,
        change,
        LUA,
        listener=ListenerIs(filter=MANAGER, sub_filter=named),
    )
    result = patched([listener("cors", "router")], [made], gateway=False)
    assert http_filters(result.items[0][2]) == [expected]
    assert result.matches == {ORIGIN: 0 if named == "absent" else 1}


def test_only_the_chain_that_is_named_changes() -> None:
    made = patch(Part.HTTP_FILTER, Change.FIRST, LUA, listener=ListenerIs(chain="two"))
    held = listener("router", chains=("one", "two"))
    result = patched([held], [made], gateway=False)
    assert http_filters(result.items[0][2]) == [["router"], ["lua", "router"]]


def test_merging_keeps_what_the_value_does_not_say() -> None:
    names = ("outbound|80||a.x", "outbound|90|v1|a.x", "inbound|80||")
    made = patch(
        Part.CLUSTER,
        Change.MERGE,
        {"connectTimeout": "3s"},
        cluster=ClusterIs(service="a.x", port=90),
    )
    result = patched([cluster(each) for each in names], [made], gateway=False)
    waits = [each[2].connect_timeout.seconds for each in result.items]  # type: ignore[attr-defined]
    assert waits == [0, 3, 0]
    assert result.items[1][2].alt_stat_name == "kept"  # type: ignore[attr-defined]
    assert [each[3] for each in result.items] == [(), (ORIGIN,), ()]


@pytest.mark.parametrize(
    ("context", "gateway", "count"),
    [
        (Context.ANY, False, 2),
        (Context.INBOUND, False, 1),
        (Context.OUTBOUND, False, 1),
        (Context.GATEWAY, False, 0),
        (Context.GATEWAY, True, 2),
        (Context.OUTBOUND, True, 0),
    ],
)
def test_a_context_says_whose_clusters(
    context: Context, count: int, *, gateway: bool
) -> None:
    held = [cluster("outbound|80||a.x"), cluster("inbound|80||")]
    made = patch(Part.CLUSTER, Change.REMOVE, context=context)
    result = patched(held, [made], gateway=gateway)
    assert len(held) - len(result.items) == count


def test_a_new_cluster_names_whose_it_is() -> None:
    made = patch(Part.CLUSTER, Change.ADD, {"name": "mine", "type": "STATIC"})
    result = patched([], [made], gateway=False)
    assert [(each[1], each[3]) for each in result.items] == [("mine", (ORIGIN,))]


def test_routes_are_told_apart_by_what_they_do() -> None:
    made = patch(
        Part.HTTP_ROUTE,
        Change.REMOVE,
        routes=RoutesAre(host="b:80", action="DIRECT_RESPONSE"),
    )
    result = patched([table()], [made], gateway=False)
    found = result.items[0][2]
    assert isinstance(found, RouteConfiguration)
    names = [[route.name for route in host.routes] for host in found.virtual_hosts]
    assert names == [["go", "stop"], ["go"]]


def test_a_value_of_another_type_is_told_and_changes_nothing() -> None:
    held, sound = cluster("a"), patch(Part.CLUSTER, Change.MERGE, {"altStatName": "b"})
    broken = patch(Part.CLUSTER, Change.MERGE, {"connectTimeout": "soon"})
    after = replace(sound, origin=replace(ORIGIN, path="spec.configPatches[1]"))
    result = patched([held], [broken, after], gateway=False)
    assert list(result.problems) == [ORIGIN]
    assert "spec.configPatches[0].patch.value" in result.problems[ORIGIN]
    assert "envoy.config.cluster.v3.Cluster" in result.problems[ORIGIN]
    assert result.items[0][2].alt_stat_name == "b"  # type: ignore[attr-defined]


def test_lists_are_added_to_unless_they_are_to_be_replaced() -> None:
    value = {"virtualHosts": [{"name": "c", "domains": ["c"]}]}
    lengths = []
    for change in (Change.MERGE, Change.MERGE_LISTS):
        made = patch(Part.ROUTE_CONFIGURATION, change, value)
        found = patched([table()], [made], gateway=False).items[0][2]
        assert isinstance(found, RouteConfiguration)
        lengths.append(len(found.virtual_hosts))
    assert lengths == [3, 1]


def test_packed_messages_of_one_type_are_merged() -> None:
    value = {"typedConfig": {"@type": MANAGER_TYPE, "serverName": "mine"}}
    made = patch(
        Part.NETWORK_FILTER, Change.MERGE, value, listener=ListenerIs(filter=MANAGER)
    )
    found = patched([listener("router")], [made], gateway=False).items[0][2]
    assert isinstance(found, Listener)
    packed = found.filter_chains[0].filters[0].typed_config
    manager = hcm.HttpConnectionManager.FromString(packed.value)
    assert (manager.server_name, manager.stat_prefix) == ("mine", "x")
    assert http_filters(found) == [["router"]]
