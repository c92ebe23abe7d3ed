from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.testkit.bookinfo import MESH

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = """\
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: reviews}
spec:
  selector: {matchLabels: {app: reviews}}
  mtls: {mode: DISABLE}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH)
    return file


def explained(mesh: Path, *words: str) -> int:
    ends = ["--from", "productpage-v1", "--to", "reviews-v1", "--port", "9080"]
    return execute(["authz", "explain", *ends, "-f", str(mesh), *words])


def test_a_caller_is_who_its_service_account_says(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(mesh, "-o", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["allowed"] is True
    (handshake,) = [each for each in found["steps"] if each["stage"] == "handshake"]
    assert handshake["why"].endswith(
        "spiffe://cluster.local/ns/default/sa/bookinfo-productpage"
    )


def test_a_server_that_speaks_no_tls_takes_no_caller_of_the_mesh(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.write_text(MESH + NOBODY)
    assert explained(mesh) == 1
    assert "refused: " in capsys.readouterr().out
