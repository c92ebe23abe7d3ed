from __future__ import annotations

from meltemi.proxy.ring import PilotRing
from meltemi.runtime.settings import Address

PILOTS = tuple(Address("127.0.0.1", port) for port in (1, 2, 3))


def test_every_pilot_is_tried_from_the_preferred_one_on() -> None:
    ring = PilotRing(PILOTS, "node")
    first, second, _ = ring.order()
    assert set(ring.order()) == set(PILOTS)
    ring.avoid(first)
    assert ring.order()[0] == second
    ring.prefer(first)
    assert ring.order()[0] == first


def test_a_node_starts_with_the_same_pilot_each_time_and_nodes_spread() -> None:
    assert PilotRing(PILOTS, "a").order() == PilotRing(PILOTS, "a").order()
    starts = {PilotRing(PILOTS, f"node-{n}").order()[0] for n in range(50)}
    assert starts == set(PILOTS)
