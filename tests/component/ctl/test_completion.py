"""What the Tab key offers: in bash itself where it matters."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.galley.client import Galley
from meltemi.ctl.main import execute
from meltemi.testkit.galleys import galley_served

if TYPE_CHECKING:
    from pathlib import Path

RULE = b"""{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
"metadata": {"name": "NAME"}, "spec": {"host": "a"}}"""


@pytest.fixture
def galley(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MELTEMI_STATE", str(tmp_path / "none"))
    monkeypatch.delenv("MELTEMI_SERVER", raising=False)
    return "served"


@pytest.fixture
def offered(galley: str, capsys: pytest.CaptureFixture[str]) -> object:
    del galley

    def offer(line: str) -> list[str]:
        assert execute(["complete", "--", *line.split(" ")]) == 0
        return capsys.readouterr().out.split()

    return offer


@pytest.mark.parametrize(
    ("line", "among", "without"),
    [
        ("", "apply", "complete"),
        ("ap", "apply", "get"),
        ("get ", "virtualservices", "apply"),
        ("get d", "dr", "virtualservices"),
        ("get -n a v", "vs", "dr"),
        ("get -", "--field-selector", "apply"),
        ("get vs -o ", "yaml", "vs"),
        ("token ", "revoke", "get"),
        ("--", "--server", "apply"),
        ("--state x ap", "apply", "get"),
    ],
)
def test_commands_options_and_kinds_are_offered(
    offered: object, line: str, among: str, without: str
) -> None:
    assert callable(offered)
    found = offered(line)
    assert among in found
    assert without not in found


@pytest.mark.parametrize("line", ["apply -f ", "get nonsense ", "get vs ", "kill "])
def test_where_nothing_is_known_files_can_stand(offered: object, line: str) -> None:
    assert callable(offered)
    assert offered(line) == []


def test_names_are_offered_in_bash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip(reason="there is no bash")
    with galley_served(tmp_path) as url:
        monkeypatch.setenv("MELTEMI_SERVER", url)
        rules = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
        for name in (b"reviews", b"ratings"):
            body = RULE.replace(b"NAME", name)
            assert Galley(url, "secret").send("POST", rules, body).ok
        script = f"""
        meltemi() {{ {sys.executable} -m meltemi.ctl "$@"; }}
        eval "$(meltemi completion bash)"
        ask() {{ COMP_WORDS=(meltemi "$@"); COMP_CWORD=$#; _meltemi; echo "${{COMPREPLY[*]}}"; }}
        ask get dr re
        ask delete dr/
        """
        done = subprocess.run(
            [bash, "-c", script], capture_output=True, text=True, check=True
        )
    assert done.stdout.splitlines() == ["reviews", "dr/ratings dr/reviews"]


def test_every_shell_has_its_script(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert execute(["completion", shell]) == 0
        assert "meltemi complete --" in capsys.readouterr().out
    assert execute(["completion", "cmd"]) == 64
