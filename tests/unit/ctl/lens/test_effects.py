from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.ctl.main import execute
from meltemi.testkit.bookinfo import MESH

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SLOWER = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http: [{timeout: 7s, route: [{destination: {host: reviews, subset: v1}}]}]
"""
LENIENT = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: reviews}
spec: {selector: {matchLabels: {version: v2}}, mtls: {mode: PERMISSIVE}}
"""


def effects(
    folder: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[str]]:
    before, after = folder / "mesh.yaml", folder / "change.yaml"
    before.write_text(MESH)
    after.write_text(change)
    words = ["diff", "-f", str(after), "--proxies", "--against", str(before)]
    code = execute(words)
    return code, capsys.readouterr().out.splitlines()


def test_a_rule_changes_the_routes_of_every_caller_and_drains_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = effects(tmp_path, SLOWER, capsys)
    assert code == 1
    assert "productpage-v1.default: rds 9080 changed" in printed
    assert not [each for each in printed if "drain" in each]
    assert printed[-1] == "3 of 3 proxies would change"


def test_a_listener_that_changes_is_said_to_drain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, printed = effects(tmp_path, LENIENT, capsys)
    drained = "lds virtualInbound changed, its connections drain"
    assert [each for each in printed if "drain" in each] == [
        f"reviews-v2.default: {drained}"
    ]


def test_what_is_there_already_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = effects(tmp_path, MESH, capsys)
    assert (code, printed) == (0, ["0 of 3 proxies would change"])


def test_a_mesh_to_compare_with_is_for_proxies_only(tmp_path: Path) -> None:
    file = tmp_path / "change.yaml"
    file.write_text(SLOWER)
    assert execute(["diff", "-f", str(file), "--against", str(file)]) == 64
