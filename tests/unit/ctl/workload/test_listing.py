from __future__ import annotations

from meltemi.ctl.workload.listing import cells, registered
from meltemi.proxy.entry import CHECKED, HEALTHY, SIGN

CART = "spiffe://cluster.local/ns/shop/sa/cart"
ENTRY = {
    "metadata": {"name": "cart-1", "namespace": "shop", "annotations": {SIGN: CART}},
    "spec": {"address": "10.0.0.7", "ports": {"http": 80}, "labels": {"app": "cart"}},
}
PROXY = {"proxy": "cart-1.shop", "connected": True, "connected_at": "2026-01-01"}


def test_what_an_agent_registered_is_listed_with_whether_it_is_there() -> None:
    (row,) = registered([ENTRY], [PROXY])
    where = "10.0.0.7:80"
    assert cells(row) == ["cart-1.shop", "cart", where, CART, "-", "yes", "2026-01-01"]
    (gone,) = registered([ENTRY], [{**PROXY, "connected": False}])
    assert cells(gone)[-2:] == ["no", "-"]
    (never,) = registered([ENTRY], [])
    assert cells(never)[-2:] == ["no", "-"]


def test_what_was_found_of_an_application_is_listed() -> None:
    known = {SIGN: CART, CHECKED: "true"}
    for said, expected in (({}, "no"), ({HEALTHY: "True"}, "yes")):
        metadata = {**ENTRY["metadata"], "annotations": {**known, **said}}
        (row,) = registered([{**ENTRY, "metadata": metadata}], [])
        assert cells(row)[4] == expected


def test_what_somebody_wrote_by_hand_is_not_listed() -> None:
    assert registered([{"metadata": {"name": "a", "namespace": "b"}}], []) == []
