"""T24: what the whole mesh wrote into its logs, after all the tests before this one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from meltemi.testkit.up import Up

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SECRET = re.compile(rb"PRIVATE KEY|\beyJ[\w-]{8,}\.[\w-]{8,}\.|\bhvs\.\w{8,}")
"""A key in PEM, a JWT, a token of Vault."""


def test_t24_no_log_of_the_mesh_holds_a_secret(mesh: Up) -> None:
    words = [mesh.do("token", "admin").strip()]
    files = [each for each in (mesh.state / "accounts").iterdir() if each.suffix == ""]
    words += [each.read_text().strip() for each in files]
    assert len(words) == 5, "the administrators', three services', the mesh's"
    logs = sorted((mesh.state / "logs").iterdir())
    assert len(logs) > 15
    for log in (*logs, mesh.state / "audit.jsonl"):
        text = log.read_bytes()
        assert not SECRET.search(text), log.name
        assert not any(word.encode() in text for word in words), log.name
