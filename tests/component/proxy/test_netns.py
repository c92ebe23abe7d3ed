"""Doing something in another network namespace."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from meltemi.proxy.adapters.netns import NamespaceError, within
from meltemi.testkit import namespaces


def here() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


@pytest.mark.skipif(bool(namespaces.missing()), reason=namespaces.missing())
def test_only_what_is_done_there_is_there() -> None:
    before = here()
    with namespaces.network() as net:
        machine = net.machine("10.77.3.2")
        assert within(Path("/run/netns", machine.name), here) != before
        with within(Path("/run/netns", machine.name), socket.socket) as made:
            made.bind((machine.address, 0))
        assert here() == before
    assert within(None, here) == before


@pytest.mark.parametrize("path", ["none", "file"])
def test_what_is_no_namespace_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NamespaceError, match=f"{path}: cannot enter"):
        within(tmp_path / path, here)
