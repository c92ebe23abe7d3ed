from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.model.shrink import FEWEST, vanished
from meltemi.testkit.mesh import resources
from meltemi.testkit.small_mesh import service, the
from meltemi.testkit.translation import holding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.model.mesh import Mesh


def mesh(numbers: Iterable[int], more: str = "") -> Mesh:
    return holding(resources("".join(service(f"s{n}") for n in numbers) + more))


def test_more_than_half_of_a_kind_is_much() -> None:
    whole = mesh(range(2 * FEWEST))
    assert vanished(whole, mesh(range(FEWEST))) == {}, "that is half of it"
    assert vanished(whole, mesh(range(FEWEST - 1))) == {"ServiceEntry": FEWEST + 1}
    assert vanished(whole, mesh([])) == {"ServiceEntry": 2 * FEWEST}


def test_others_in_their_place_do_not_make_up_for_what_vanished() -> None:
    whole, others = mesh(range(FEWEST)), mesh(range(100, 100 + FEWEST))
    assert vanished(whole, others) == {"ServiceEntry": FEWEST}


def test_the_last_of_a_few_may_go() -> None:
    few = FEWEST - 1
    assert vanished(mesh(range(few)), mesh([])) == {}


def test_each_kind_is_counted_by_itself() -> None:
    rule = the(
        "VirtualService", "v", "hosts: [a], http: [{directResponse: {status: 200}}]"
    )
    whole = mesh(range(40), rule)
    assert vanished(whole, mesh(range(40))) == {}
    assert vanished(whole, mesh(range(12), rule)) == {"ServiceEntry": 28}
