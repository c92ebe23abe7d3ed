from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.agents import agent_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", None])
def test_roots_for_a_galley_without_tls_are_a_mistake(
    tmp_path: Path, url: str | None
) -> None:
    with pytest.raises(ValueError, match="expected https://HOST:PORT"):
        agent_settings(tmp_path, galley_url=url, galley_ca_file=tmp_path / "ca.pem")


def test_roots_for_a_galley_with_tls_are_taken(tmp_path: Path) -> None:
    ca, url = tmp_path / "ca.pem", "https://galley:15443"
    found = agent_settings(tmp_path, galley_url=url, galley_ca_file=ca)
    assert found.galley_ca_file == ca
