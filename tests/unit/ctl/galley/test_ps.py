from __future__ import annotations

from meltemi.ctl.galley.ps import proxy_row


def test_a_proxy_shows_what_it_refuses() -> None:
    types = {
        "cds": {"acked": "7", "error": "bad cluster"},
        "eds": {"acked": "7", "error": None},
    }
    row = {
        "proxy": "reviews-v1.default",
        "pilot": "pilot-0",
        "connected": True,
        "revision": "7",
        "types": types,
    }
    assert proxy_row(row) == [
        "reviews-v1.default",
        "pilot-0",
        "yes",
        "7",
        "7 REFUSED",
        "7",
        "-",
        "-",
        "-",
        "-",
    ]
