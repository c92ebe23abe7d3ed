from __future__ import annotations

from pathlib import Path

from meltemi.ctl.local.layout import Layout
from meltemi.ctl.local.part import Part, Stage
from meltemi.ctl.local.plan import port_names
from meltemi.ctl.local.record import Captured
from meltemi.ctl.local.summary import (
    Health,
    Synced,
    next_lines,
    status_json,
    status_table,
    synced_line,
    up_lines,
    urls_of,
)

PORTS = {name: 20_000 + place for place, name in enumerate(port_names(demo=True))}
LAYOUT = Layout(Path("/state"), PORTS, "e1")
PART = Part(
    "etcd", (), {}, {"client": "127.0.0.1:1"}, "tcp://127.0.0.1:1", "3.5", Stage(0)
)
FOUND = (Health(PART, 7, healthy=True), Health(PART, None, healthy=False))


def test_how_a_mesh_elsewhere_captures_is_not_made_up() -> None:
    assert status_json((), {}, None)["capture"]["mode"] == "unknown"


def test_status_keeps_the_frozen_shape() -> None:
    shown = status_json(FOUND, {"app": "http://a"}, Captured(why="asked"))

    assert shown == {
        "parts": [
            {
                "name": "etcd",
                "pid": 7,
                "addresses": {"client": "127.0.0.1:1"},
                "healthy": True,
                "version": "3.5",
            },
            {
                "name": "etcd",
                "pid": None,
                "addresses": {"client": "127.0.0.1:1"},
                "healthy": False,
                "version": "3.5",
            },
        ],
        "urls": {"app": "http://a"},
        "capture": {"mode": "explicit", "why": "asked"},
    }


def test_the_table_shows_the_same_to_people() -> None:
    lines = status_table(FOUND, {"app": "http://a"}).splitlines()

    assert lines[0].split() == ["PART", "PID", "HEALTHY", "VERSION", "ADDRESSES"]
    assert lines[1].split() == ["etcd", "7", "yes", "3.5", "client=127.0.0.1:1"]
    assert lines[2].split()[:3] == ["etcd", "-", "no"]
    assert lines[-1] == "app: http://a"


def test_what_came_up_is_said_with_where_it_is_and_what_to_try() -> None:
    versions = {"etcd": "3.5.1", "nats": "2.15.1", "envoy": "1.40.0"}
    lines = up_lines(LAYOUT, versions, demo=True)

    assert lines[0].startswith("✔ etcd 3.5.1")
    assert "6 apps + 6 Envoy 1.40.0 sidecars + gateway" in lines[-1]
    assert urls_of(LAYOUT, demo=True)["app"].endswith("/productpage")
    assert urls_of(LAYOUT, demo=True)["app"] in next_lines(LAYOUT, demo=True)[0]
    assert "app" not in urls_of(LAYOUT, demo=False)
    assert synced_line(Synced(7, 7, 41), "STRICT", 4.13) == (
        "✔ 7/7 proxies synced at revision 41, mTLS STRICT mesh-wide (4.1 s)"
    )
