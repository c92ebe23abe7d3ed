from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from meltemi.proxy.wasm.rules import ModuleRules
from meltemi.runtime.guarded_fetch import Guard
from meltemi.testkit.agents import agent_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_modules_come_from_public_servers_unless_more_is_said(tmp_path: Path) -> None:
    assert agent_settings(tmp_path).wasm_rules() == ModuleRules(Guard())


def test_what_is_said_is_in_the_rules(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text("PEM")
    found = agent_settings(
        tmp_path,
        wasm_servers="R.example, *.b.example",
        wasm_allowed_networks="10.0.0.0/8,192.0.2.1",
        wasm_plain_servers="r.example:5000",
        wasm_ca_file=roots,
        wasm_pull_secrets=tmp_path,
        wasm_pinned=True,
    ).wasm_rules(7)
    networks = (ip_network("10.0.0.0/8"), ip_network("192.0.2.1"))
    assert found == ModuleRules(
        Guard(networks, "PEM", mark=7),
        ("r.example", "*.b.example"),
        ("r.example:5000",),
        tmp_path,
        pinned=True,
    )


def test_a_module_fits_what_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wasm_kept_bytes"):
        agent_settings(tmp_path, wasm_kept_bytes=1)
