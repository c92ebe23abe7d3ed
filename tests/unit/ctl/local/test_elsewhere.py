from __future__ import annotations

from typing import Any

from meltemi.ctl.local.elsewhere import parts_elsewhere

URL = "https://galley.example:15443"


def row(
    proxy: str, revision: str | None = "7", *, connected: bool = True, error: str = ""
) -> dict[str, Any]:
    types = {"cds": {"error": error or None}}
    return {
        "proxy": proxy,
        "pilot": "pilot-0",
        "connected": connected,
        "revision": revision,
        "types": types,
    }


def test_a_proxy_is_healthy_that_is_connected_current_and_refuses_nothing() -> None:
    rows = [
        row("good.default"),
        row("behind.default", "6"),
        row("new.default", None),
        row("gone.default", connected=False),
        row("refusing.default", error="not prime"),
    ]
    found = {
        each.part.name: each.healthy for each in parts_elsewhere(URL, rows, ready=True)
    }
    assert found == {
        "galley": True,
        "pilot-0": True,
        "good.default": True,
        "behind.default": False,
        "new.default": False,
        "gone.default": False,
        "refusing.default": False,
    }


def test_a_pilot_whose_proxies_all_left_is_not_healthy() -> None:
    galley, pilot, _ = parts_elsewhere(URL, [row("a", connected=False)], ready=False)
    assert (galley.healthy, pilot.healthy) == (False, False)
    assert galley.part.addresses == {"https": URL}
