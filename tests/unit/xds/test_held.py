from __future__ import annotations

import pytest

from meltemi.xds.held import Held
from meltemi.xds.layers import layered
from meltemi.xds.session import Request, Session
from meltemi.xds.types import TypeUrl

WHOLE = layered(({"a": "1", "b": "1"}, {"c": "1", "d": "1"}))


@pytest.mark.parametrize(
    "told",
    [
        dict(WHOLE),
        {**WHOLE, "a": "0"},
        {**WHOLE, "x": "1"},
        {"a": "1", "b": "1", "c": "1"},
        {"x": "1", "y": "1"},
        {"a": "0"},
        {},
    ],
    ids=str,
)
def test_what_is_held_stays_whatever_it_is_compared_with(told: dict[str, str]) -> None:
    held = Held()
    held.put(told)
    held.compare(WHOLE)
    assert dict(held) == told


def test_what_is_held_costs_what_differs_from_what_many_hold() -> None:
    held = Held()
    held.put({**WHOLE, "a": "0"})
    held.compare(WHOLE)
    assert held.base is WHOLE
    assert held.changed == {"a": "0"}


def test_a_proxy_that_comes_back_shares_what_it_tells_before_it_is_sent_the_rest() -> (
    None
):
    session = Session()
    told = {**WHOLE, "a": "0"}
    session.take(Request(TypeUrl.CLUSTER, initial=told))
    session.aim({TypeUrl.CLUSTER: WHOLE}, 2)
    ((_, push),) = session.pushes()
    assert push.upsert == {"a": "1"}
    holds = session.watches[TypeUrl.CLUSTER].holds
    assert holds.base is WHOLE
    assert holds.changed == {"a": "0"}
