"""The end of the demo mesh: nothing of it stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.processes import accepts

if TYPE_CHECKING:
    from meltemi.testkit.up import Up

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


def test_8_down_leaves_no_process_and_no_port(mesh: Up) -> None:
    ports = [
        int(address.rpartition(":")[2])
        for part in mesh.status().values()
        for address in part["addresses"].values()
    ]
    assert mesh.processes()
    mesh.do("down")
    assert mesh.processes() == []
    assert not any(accepts(port) for port in ports)
