"""A compose file that was injected into another folder, as Compose itself reads it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from meltemi.ctl.main import execute

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE = shutil.which("docker-compose")
APP = """\
version: "3.8"
services:
  web:
    image: nginx
    build: .
    env_file: web.env
    volumes: ["./html:/html:ro", "../etc:/etc", "data:/data"]
    configs: [site]
configs:
  site: {file: ./site.conf}
volumes:
  data: {}
"""


def resolved(file: str) -> tuple[object, ...]:
    """Return what Compose takes paths of ``file`` for."""
    argv = [str(COMPOSE), "-f", file, "config"]
    ended = subprocess.run(argv, capture_output=True, check=True, text=True)
    told = yaml.safe_load(ended.stdout)
    web = told["services"]["web"]
    return web["build"], web["volumes"], web["environment"], told["configs"]["site"]


@pytest.mark.skipif(COMPOSE is None, reason="no docker-compose here")
def test_compose_finds_the_same_files_by_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tmp_path / "app"
    for folder in (app, tmp_path / "mesh"):
        folder.mkdir()
    (app / "compose.yaml").write_text(APP)
    (app / "web.env").write_text("A=1\n")
    (app / "site.conf").touch()
    monkeypatch.chdir(tmp_path)
    assert execute(["inject", "-f", "app/compose.yaml", "-o", "mesh/mesh.yaml"]) == 0
    assert resolved("mesh/mesh.yaml") == resolved("app/compose.yaml")
