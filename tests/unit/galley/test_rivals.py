from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.message import Message
from meltemi.config.schema.traffic_policy import TrafficPolicy
from meltemi.galley import rivals

if TYPE_CHECKING:
    import pytest

Object = Resource[Message]


def rule(name: str, host: str = "a") -> Object:
    return Resource(
        api_version="networking.istio.io/v1",
        kind="DestinationRule",
        metadata=Metadata(name=name, namespace="n"),
        spec=DestinationRule(host=host, traffic_policy=TrafficPolicy()),
    )


def names(index: rivals.Rivals, resource: Object) -> list[str]:
    return [each.rival.name for each in index.conflicts(resource)]


def test_conflicts_come_and_go_with_the_objects() -> None:
    index, one = rivals.Rivals(), rule("one")
    index.put(one)
    assert names(index, one) == []
    index.put(rule("two"))
    assert names(index, one) == ["two"]
    index.put(rule("two", "b"))
    assert names(index, one) == []
    index.put(rule("two"))
    index.remove(rule("two").key)
    index.remove(rule("never").key)
    assert names(index, one) == []


def test_an_object_is_looked_at_as_it_is_given() -> None:
    index, one = rivals.Rivals(), rule("one")
    index.put(one)
    index.put(rule("two", "b"))
    assert names(index, one) == []
    changed = msgspec.structs.replace(one, spec=rule("one", "b").spec)
    assert names(index, changed) == ["two"]
    assert names(index, one) == []


def test_of_many_rivals_the_oldest_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rivals, "MOST", 2)
    index = rivals.Rivals()
    for name in "dcab":
        index.put(rule(name))
    assert names(index, rule("d")) == ["a", "b"]
