"""What is held of a server of configuration whose objects cannot all be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.config.schema.virtual_service import VirtualService
from meltemi.pilot.mcp.held import Held
from meltemi.testkit.corpus.wire import msg, num

if TYPE_CHECKING:
    from meltemi.pilot.mcp.held import Difference

URL = "type.googleapis.com/istio.networking.v1alpha3.VirtualService"
HOST = msg(1, "a.example.com")
UNKNOWN_FIELD = num(99, 1)
ENDLESS = msg(3, msg(6, num(1, 2**50)))
"""A route whose timeout is longer than a duration can be."""


def sent(name: str, body: bytes = HOST, url: str = URL) -> bytes:
    return msg(1, msg(1, name)) + msg(2, msg(1, url), msg(2, body))


def held() -> Held:
    made = Held(VirtualService, "default")
    made.replace([sent("shop/a"), sent("shop/b")])
    return made


def gone(found: Difference) -> list[str]:
    return [
        each.key.rpartition("/")[2] for each in found.mutations if each.value is None
    ]


@pytest.mark.parametrize(
    "update",
    [
        sent("shop/a", HOST + UNKNOWN_FIELD),
        sent("shop/a", ENDLESS),
        sent("shop/a", b"\xff"),
        sent("shop/a", url="type.googleapis.com/other"),
        sent("shop/a") + UNKNOWN_FIELD,
    ],
)
def test_an_object_whose_update_cannot_be_read_stays_as_it_was_and_is_named(
    update: bytes,
) -> None:
    found = held().replace([update, sent("shop/b")])
    assert not found.mutations
    (told,) = found.unreadable
    assert "shop/a" in told


def test_beside_an_object_that_cannot_be_read_others_change_and_leave() -> None:
    known = held()
    bad = sent("shop/a", UNKNOWN_FIELD)
    assert gone(known.replace([bad])) == ["b"]
    assert gone(known.replace([])) == ["a"], "nobody sends it any more"


def test_an_object_that_can_be_read_again_is_a_change_only_if_it_differs() -> None:
    known = held()
    known.replace([sent("shop/a", UNKNOWN_FIELD), sent("shop/b")])
    assert not known.replace([sent("shop/a"), sent("shop/b")]).mutations
    known.replace([sent("shop/a", UNKNOWN_FIELD), sent("shop/b")])
    other = sent("shop/a", msg(1, "b.example.com"))
    (changed,) = known.replace([other, sent("shop/b")]).mutations
    assert changed.key.endswith("/shop/a")
    assert changed.value


def test_an_object_that_never_could_be_read_is_not_there() -> None:
    found = held().replace(
        [sent("shop/c", UNKNOWN_FIELD), sent("shop/a"), sent("shop/b")]
    )
    assert not found.mutations
    assert len(found.unreadable) == 1


def test_what_has_no_name_may_be_any_object_and_takes_none_away() -> None:
    known = held()
    found = known.replace([b"\xff"])
    assert not found.mutations
    assert found.unreadable
    assert gone(known.replace([sent("shop/b")])) == ["a"]
