from __future__ import annotations

from meltemi.xds.sotw import Whole
from meltemi.xds.types import TypeUrl
from meltemi.xds.watch import Push


def test_a_list_of_names_becomes_what_was_added_and_dropped() -> None:
    whole = Whole(TypeUrl.ENDPOINT)
    whole.request(frozenset("ab"), nonce="", error=None)
    request = whole.request(frozenset("bc"), nonce="1", error=None)
    assert request.subscribe == {"c"}
    assert request.unsubscribe == {"a"}
    assert request.nonce == "1"


def test_a_wildcard_response_holds_everything_that_stays() -> None:
    push = Push("1", upsert={"b": "2"}, remove=frozenset({"c"}))
    contents = Whole(TypeUrl.CLUSTER).contents(push, {"a": "1", "b": "1", "c": "1"})
    assert contents == {"a": "1", "b": "2"}


def test_a_named_response_holds_only_what_is_new() -> None:
    push = Push("1", upsert={"b": "2"}, remove=frozenset())
    assert Whole(TypeUrl.ROUTE).contents(push, {"a": "1"}) == {"b": "2"}


def test_halving_a_refused_response_does_not_take_working_resources_away() -> None:
    whole = Whole(TypeUrl.CLUSTER)
    whole.accept({"a": "1", "b": "1"})
    half = Push("3", upsert={"a": "2"}, remove=frozenset())
    assert whole.contents(half, holds={}) == {"a": "2", "b": "1"}
