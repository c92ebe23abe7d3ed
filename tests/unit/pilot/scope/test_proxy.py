from __future__ import annotations

import pytest

from meltemi.pilot.scope.node import InvalidNodeError
from meltemi.pilot.scope.proxy import Bind, Role, proxy

NODE = "sidecar~10.0.0.1~reviews-v1.default~default.svc.cluster.local"


def test_a_node_says_who_it_is() -> None:
    made = proxy(
        NODE,
        {
            "LABELS": {"app": "reviews"},
            "MELTEMI_EXPLICIT": {
                "inbound": "127.0.0.1:21100",
                "apps": {"9080": "127.0.0.1:21200"},
                "outbound": {"ratings:9080": "127.0.0.1:21003"},
            },
        },
    )
    assert made.name == "reviews-v1.default"
    assert made.group.role is Role.SIDECAR
    assert made.group.namespace == "default"
    assert made.group.explicit.inbound == Bind("127.0.0.1", 21100)
    assert made.group.explicit.apps == ((9080, Bind("127.0.0.1", 21200)),)
    assert made.group.explicit.outbound == (("ratings:9080", Bind("127.0.0.1", 21003)),)


def test_metadata_names_the_namespace_before_the_id_does() -> None:
    assert proxy(NODE, {"NAMESPACE": "prod"}).group.namespace == "prod"


def test_proxies_that_say_the_same_are_of_one_class() -> None:
    other = NODE.replace("reviews-v1", "reviews-v2")
    labels = {"LABELS": {"a": "1", "b": "2"}}
    turned = {"LABELS": {"b": "2", "a": "1"}}
    assert proxy(NODE, labels).group == proxy(other, turned).group


@pytest.mark.parametrize(
    ("node", "metadata", "why"),
    [
        ("sidecar~a.b", {}, "has 2 parts"),
        (NODE.replace("sidecar", "waypoint"), {}, "'waypoint' is not known"),
        (NODE, {"INTERCEPTION_MODE": "SIDEWAYS"}, "'SIDEWAYS' is not known"),
        (NODE, {"LABELS": "app"}, "LABELS must be an object"),
        (NODE, {"MELTEMI_EXPLICIT": {"inbuond": "x"}}, "unknown keys"),
        (NODE, {"MELTEMI_EXPLICIT": {"inbound": "21100"}}, "not ADDRESS:PORT"),
        (NODE, {"MELTEMI_EXPLICIT": {"apps": {"http": "a:1"}}}, "not a port"),
        (NODE, {"MELTEMI_EXPLICIT": 7}, "must be an object"),
    ],
)
def test_a_node_that_cannot_be_served_is_told_why(
    node: str, metadata: dict[str, object], why: str
) -> None:
    with pytest.raises(InvalidNodeError, match=why):
        proxy(node, metadata)


def test_what_an_envoy_does_not_list_it_lacks() -> None:
    has = ["envoy.filters.http.lua", "envoy.filters.http.router"]
    lacks = proxy(NODE, {}, extensions=has).group.node.lacks
    assert "envoy.filters.http.wasm" in lacks
    assert "envoy.filters.http.lua" not in lacks
    assert proxy(NODE, {}).group.node.lacks == frozenset(), "nobody said"
