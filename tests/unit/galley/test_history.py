from __future__ import annotations

import msgspec

from meltemi.config.canonical import stored
from meltemi.config.resource import ManagedField, Metadata, Resource
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.message import Message
from meltemi.galley.admit import Held, Stamp
from meltemi.galley.history import (
    KEPT,
    history_key,
    history_prefix,
    record,
    restored,
    superfluous,
    versions,
)
from meltemi.kernel.names import Key, Namespace, Revision
from meltemi.store.ports import Entry

KEY = Key("DestinationRule", Namespace("default"), "a.b")
BOB = Stamp("bob", "2030-01-01T00:00:00Z", "uid", "no longer needed")


def held(host: str, revision: int) -> Held:
    resource = Resource[Message](
        api_version="networking.istio.io/v1",
        kind="DestinationRule",
        metadata=Metadata(
            name="a.b",
            namespace="default",
            managed_fields=(ManagedField(manager="ann", time="t", reason=host),),
        ),
        spec=DestinationRule(host=host),
    )
    return Held(resource, Revision(revision), stored(resource))


def entry(of: Held, removal: Stamp | None = None, ended: int = 0) -> Entry:
    key = history_key("m", KEY, of.revision)
    revision = Revision(ended or of.revision + 1)
    return Entry(key, record(of, removal), revision, revision)


def test_versions_lie_apart_from_configuration_in_the_order_of_revisions() -> None:
    keys = [history_key("m", KEY, Revision(number)) for number in (9, 10, 1000)]
    assert keys == sorted(keys)
    assert all(key.startswith(history_prefix("m", KEY)) for key in keys)
    assert not keys[0].startswith("/mesh/v1/")


def test_each_version_names_the_one_before_and_its_reason() -> None:
    entries = [entry(held("one", 5)), entry(held("two", 7), BOB, 9)]
    found = versions(entries, held("three", 12))
    assert [
        (each.revision, each.previous, each.operation, each.reason) for each in found
    ] == [
        ("12", "9", "Update", "three"),
        ("9", "7", "Delete", "no longer needed"),
        ("7", "5", "Update", "two"),
        ("5", "", "Update", "one"),
    ]
    back = restored(found, "7")
    assert back is not None
    assert isinstance(back.spec, DestinationRule)
    assert back.spec.host == "two"
    assert restored(found, "9") is None, "a removal is no object"
    assert restored(found, "6") is None


def test_what_was_unreadable_keeps_its_place_without_an_object() -> None:
    broken = Held(held("x", 5).resource, Revision(5), b"\xff{", readable=False)
    (found,) = versions([entry(broken)], None)
    assert (found.revision, found.object) == ("5", None)
    assert b"unreadable" in msgspec.json.encode(msgspec.Raw(record(broken, None)))


def test_only_the_oldest_are_superfluous() -> None:
    keys = [f"{number:02d}" for number in range(KEPT + 3)]
    assert list(superfluous(keys[::-1])) == ["00", "01", "02"]
    assert list(superfluous(keys[:KEPT])) == []
