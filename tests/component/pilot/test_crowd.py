"""Which proxies are told of a change, and by which Pilot."""

from __future__ import annotations

import socket
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from meltemi.http2.frame import Flag, Kind, frame, settings
from meltemi.pilot.settings import Carrier
from meltemi.testkit.changes import Changes
from meltemi.testkit.corpus.mesh import Corpus
from meltemi.testkit.corpus.profile import Profile, Shape
from meltemi.testkit.crowd import Crowd, crowded_pilot, source, speaking
from meltemi.testkit.crowded import Scene, compiled, scene
from meltemi.testkit.played_trust import PlayedTrust

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 60
MOVED = (1, 32, 54)
"""Services whose last endpoint is none of the proxies played."""


@pytest.mark.parametrize("profile", [Profile.HTTP, Profile.SIDECAR])
def test_an_endpoint_is_told_once_to_each_proxy_in_reach_and_to_no_other(
    tmp_path: Path, profile: Profile
) -> None:
    corpus = Corpus.of(Shape(SIZE, SIZE // 10, profile=profile))
    with (
        scene(tmp_path, SIZE, profile=profile) as made,
        made.crowd(Crowd(SIZE, SIZE)) as load,
    ):
        made.change(load)
        for service in MOVED:
            seen = corpus.seen_from(service % 50).split("+")
            homes = [str(each % 50) for each in range(SIZE)]
            reached = sum(seen == ["*"] or home in seen for home in homes)
            push = made.push(load, service)
            assert push.proxies == reached
            assert push.messages == reached, "nobody else is told, and nobody twice"


def test_two_pilots_share_the_proxies_and_each_tells_its_own(tmp_path: Path) -> None:
    program, crowd = compiled(tmp_path), Crowd(9, 9)
    with (
        source(9) as (mesh, mcp),
        crowded_pilot(tmp_path, mcp) as one,
        crowded_pilot(tmp_path, mcp) as other,
        speaking(crowd.argv(program, one.ads, other.ads)) as load,
    ):
        load.says("ready")
        for pilot, proxies in ((one, 5), (other, 4)):
            assert Scene(program, mesh, pilot, count()).streams() == proxies
        push = Changes(mesh, load, 0.05, 100).make("one", "weight")
        assert push.proxies == 9


@pytest.mark.parametrize("transport", Carrier)
def test_proxies_that_show_a_certificate_get_the_same_over_tls(
    tmp_path: Path, transport: Carrier
) -> None:
    crowd = Crowd(9, 9)
    trust = PlayedTrust.of(tmp_path / "trust", crowd)
    program, tls = compiled(tmp_path), ("--tls", str(trust.folder))
    with (
        source(9) as (mesh, mcp),
        crowded_pilot(tmp_path, mcp, transport=transport, trust=trust) as pilot,
        speaking(crowd.argv(program, pilot.ads)) as plain,
        speaking(replace(crowd, more=tls).argv(program, pilot.secure)) as secret,
    ):
        found = [load.says("ready")["types"] for load in (plain, secret)]
        for what in ("resources", "bytes"):
            one, other = ({t: e[t][what] for t in e} for e in found)
            assert one == other
        assert Scene(program, mesh, pilot, count()).streams() == 18
        pushes = [
            Changes(mesh, load, 0.05, 100).make(f"add-{number}", "add")
            for number, load in enumerate((plain, secret))
        ]
        assert [each.proxies for each in pushes] == [9, 9]
        secret.do("reconnect")
        assert secret.says("reconnected")["full"] == 9


def test_pings_move_none_of_the_bytes_that_are_counted(tmp_path: Path) -> None:
    """Who waits until nothing moves would otherwise wait for as long as they come."""
    program, pings = compiled(tmp_path), 5 * frame(Kind.PING, bytes(8))
    with socket.create_server(("127.0.0.1", 0)) as door:
        argv = Crowd(1, 1).argv(program, door.getsockname()[1])
        with speaking(argv) as load, door.accept()[0] as wire:
            wire.settimeout(10)
            wire.sendall(settings({}))
            _answered(wire, pings)
            before = load.state()
            _answered(wire, pings)
            after = load.state()
    assert before["wire_in"] == after["wire_in"] == len(settings({}))
    assert before["wire_out"] == after["wire_out"] > 0


def _answered(wire: socket.socket, pings: bytes) -> None:
    """Send pings, and wait until each has been answered."""
    wire.sendall(pings)
    received, answer = b"", frame(Kind.PING, bytes(8), Flag.ACK)
    while received.count(answer) * len(answer) < len(pings):
        received += wire.recv(1 << 16)
