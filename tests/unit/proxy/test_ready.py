from __future__ import annotations

import pytest

from meltemi.proxy.ready import (
    CLUSTERS,
    LISTENERS,
    STATE,
    WORKERS,
    envoy_trouble,
    open_connections,
)

READY = {STATE: 0, WORKERS: 1, CLUSTERS: 3, LISTENERS: 2}


def test_an_envoy_with_everything_applied_is_ready() -> None:
    assert envoy_trouble(READY) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({CLUSTERS: 0}, "CDS"),
        ({LISTENERS: 0}, "LDS"),
        ({STATE: 1}, "draining"),
        ({STATE: 2}, "pre-initializing"),
        ({WORKERS: 0}, "workers"),
    ],
)
def test_what_is_missing_is_named(change: dict[str, int], why: str) -> None:
    assert why in (envoy_trouble(READY | change) or "")


def test_silence_is_not_readiness() -> None:
    assert envoy_trouble({}) is not None


def test_admin_connections_do_not_hold_up_a_drain() -> None:
    stats = {
        "listener.127.0.0.1_1.downstream_cx_active": 2,
        "listener.admin.downstream_cx_active": 7,
        "listener.127.0.0.1_1.other": 9,
    }
    assert open_connections(stats) == 2
