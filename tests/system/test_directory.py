"""A folder that ``meltemi up`` keeps in force, as a user sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.up import Up, eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system

RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: HOST}
"""


def test_up_keeps_a_folder_in_force_and_status_says_where_it_is_wrong(
    tmp_path: Path,
) -> None:
    folder, mesh = tmp_path / "config", Up(tmp_path / "state")
    folder.mkdir()
    file = folder / "reviews.yaml"
    file.write_text(RULE.replace("HOST", "one"))

    def host() -> str:
        (found,) = mesh.json("get", "dr")["items"]
        return str(found["spec"]["host"])

    try:
        said = mesh.run("up", "--config", str(folder))
        assert said.returncode == 0, said.stderr
        assert f"directory {folder}: 1 objects in force" in said.stderr
        assert host() == "one", "up returns once it is read"
        file.write_text(RULE.replace("HOST", "two"))
        eventually(lambda: host() == "two", seconds=15, what="the change")
        file.write_text(RULE.replace("host", "hots"))
        place = f"{file}:4:8: UNKNOWN_FIELD"
        eventually(
            lambda: place in mesh.do("status"), seconds=15, what="the problem's place"
        )
        assert host() == "two"
        (source,) = mesh.json("status")["sources"]
        assert source["problems"][0].startswith(place)
        mesh.do("kill", "galley")
        file.unlink()
        mesh.do("start", "galley")
        assert mesh.json("get", "dr")["items"] == [], "it left while Galley was away"
    finally:
        mesh.do("down")
