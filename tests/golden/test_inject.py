"""Compose files with and without sidecars, each reviewed once.

A case is a folder of compose files. ``mesh.yaml`` is what they become, ``services.yaml``
what is to be applied, ``told.txt`` what their owner is told; where nothing can be made
of them only the last.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meltemi.config.decode import decode
from meltemi.ctl.main import execute
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import read_settings
from meltemi.testkit.compose_files import agent_environs, capture_options

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "inject"
CASES = sorted(each.name for each in FOLDER.iterdir())
MADE = ("mesh.yaml", "services.yaml", "told.txt")
INJECTED = [each for each in CASES if (FOLDER / each / "mesh.yaml").exists()]
COMPOSE = shutil.which("docker-compose")


def sources(case: str) -> list[str]:
    found = sorted(each.name for each in (FOLDER / case).iterdir())
    return [each for each in found if each not in MADE]


def read(path: Path) -> str:
    return path.read_bytes().decode()


@pytest.fixture
def made(
    case: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Mapping[str, str]:
    """Return the files that the command makes of a case."""
    for name in sources(case):
        shutil.copy(FOLDER / case / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    files = [word for name in sources(case) for word in ("-f", name)]
    code = execute(["inject", *files, "-o", "mesh.yaml", "--services", "services.yaml"])
    found = {"told.txt": capfd.readouterr().err}
    assert code == (0 if (tmp_path / "mesh.yaml").exists() else 65)
    for name in ("mesh.yaml", "services.yaml"):
        if (tmp_path / name).exists():
            found[name] = read(tmp_path / name)
    return {name: text for name, text in found.items() if text}


def test_thirty_styles_are_tried() -> None:
    assert len(INJECTED) >= 30


@pytest.mark.parametrize("case", CASES)
def test_a_file_becomes_what_was_reviewed(
    case: str, made: Mapping[str, str], *, rewriting: bool
) -> None:
    if rewriting:
        for name in MADE:
            (FOLDER / case / name).unlink(missing_ok=True)
        for name, text in made.items():
            (FOLDER / case / name).write_bytes(text.encode())
    kept = [FOLDER / case / each for each in MADE if (FOLDER / case / each).exists()]
    assert {each.name: read(each) for each in kept} == made


@pytest.mark.parametrize("case", INJECTED)
@pytest.mark.usefixtures("made")
def test_a_file_is_given_back_to_the_byte_and_injecting_twice_is_once(
    case: str, tmp_path: Path
) -> None:
    assert execute(["uninject", "-f", "mesh.yaml", "-o", "before.yaml"]) == 0
    assert execute(["inject", "-f", "mesh.yaml", "-o", "again.yaml"]) == 0
    assert read(tmp_path / "again.yaml") == read(tmp_path / "mesh.yaml")
    if len(sources(case)) == 1:
        assert read(tmp_path / "before.yaml") == read(FOLDER / case / sources(case)[0])


@pytest.mark.parametrize("case", INJECTED)
def test_agent_capture_and_galley_take_what_was_made(case: str) -> None:
    text = read(FOLDER / case / "mesh.yaml")
    for environ in agent_environs(text):
        read_settings(AgentSettings, environ)
    capture_options(text)
    services = FOLDER / case / "services.yaml"
    if services.exists():
        data = services.read_bytes()
        assert decode(data, file=services.name, default_namespace="default")


@pytest.mark.full
@pytest.mark.skipif(COMPOSE is None, reason="no docker-compose here")
@pytest.mark.parametrize("case", INJECTED)
def test_compose_takes_what_was_made_of_what_it_takes(
    case: str, tmp_path: Path
) -> None:
    before = [word for name in sources(case) for word in ("-f", FOLDER / case / name)]
    if not accepted(before, tmp_path):
        pytest.skip("docker-compose 1.29 knows not all that stands in this file")
    assert accepted(["-f", FOLDER / case / "mesh.yaml"], tmp_path)


def accepted(files: list[str | Path], folder: Path) -> bool:
    """Tell whether the older docker-compose understands ``files``."""
    argv = [str(COMPOSE), *map(str, files), "--project-directory", str(folder)]
    done = subprocess.run([*argv, "config", "-q"], capture_output=True, check=False)
    return done.returncode == 0
