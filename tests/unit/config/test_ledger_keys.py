from __future__ import annotations

import pytest

from meltemi.config.kinds import KINDS
from meltemi.config.ledger_keys import (
    ForeignKeyError,
    collection_prefix,
    config_prefix,
    ledger_key,
    object_key,
)
from meltemi.kernel.names import Key, Namespace

REVIEWS = Key("DestinationRule", Namespace("default"), "reviews")


def test_an_object_lies_under_its_mesh_collection_and_namespace() -> None:
    assert ledger_key("m1", REVIEWS) == (
        "/mesh/v1/m1/destinationrules.networking.istio.io/default/reviews"
    )
    assert ledger_key("m1", REVIEWS).startswith(config_prefix("m1"))


def test_an_object_without_namespace_lies_under_an_underscore() -> None:
    key = Key("Gateway", Namespace(""), "edge")
    path = ledger_key("m1", key)
    assert path == "/mesh/v1/m1/gateways.networking.istio.io/_/edge"
    assert object_key(path) == key


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_the_key_of_every_kind_reads_back(kind: str) -> None:
    key = Key(kind, Namespace("prod"), "a.b-c")
    assert object_key(ledger_key("default", key)) == key


def test_prefixes_do_not_reach_into_their_neighbours() -> None:
    other = ledger_key("m1", Key("DestinationRule", Namespace("default2"), "reviews"))
    assert not other.startswith(collection_prefix("m1", "DestinationRule", "default"))
    assert other.startswith(collection_prefix("m1", "DestinationRule"))
    assert not ledger_key("m10", REVIEWS).startswith(config_prefix("m1"))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/mesh/runtime/v1/default/pilots/pilot-0",
        "/mesh/v1/default/pods.core/default/a",
        "/mesh/v1/default/gateways.networking.istio.io/default",
        "/mesh/v1/default/gateways.networking.istio.io/default/",
        "/mesh/v1/default/gateways.networking.istio.io/default/a/b",
        "/mash/v1/default/gateways.networking.istio.io/default/a",
    ],
)
def test_a_key_where_no_object_can_lie_is_refused(path: str) -> None:
    with pytest.raises(ForeignKeyError, match="is not /mesh/v1/"):
        object_key(path)
