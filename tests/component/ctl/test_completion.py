"""What the Tab key offers: in bash itself where it matters."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.completion import Known, Option, candidates
from meltemi.ctl.galley.client import Galley
from meltemi.ctl.main import execute
from meltemi.testkit.galleys import galley_served

if TYPE_CHECKING:
    from collections.abc import Iterator
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
        ("get vs,d", "vs,dr", "dr"),
        ("get al", "all", "vs"),
        ("events d", "dr", "vs"),
        ("export vs d", "dr", "vs"),
        ("get -n a v", "vs", "dr"),
        ("get -", "--field-selector", "apply"),
        ("get vs -o ", "wide", "vs"),
        ("get vs -o j", "jsonpath=", "wide"),
        ("ps -o ", "yaml", "wide"),
        ("translate -o ", "envoy", "wide"),
        ("analyze --failure-threshold ", "Error", "wide"),
        ("token ", "revoke", "get"),
        ("token create --", "--scope", "--atomic"),
        ("token create --", "--cidr", "--atomic"),
        ("cert ", "revoke", "get"),
        ("cert list -", "--namespace", "--atomic"),
        ("ca ", "status", "get"),
        ("completion ", "fish", "get"),
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


ASK = {
    "bash": """
        eval "$(meltemi completion bash)"
        ask() { COMP_WORDS=(meltemi "$@"); COMP_CWORD=$#; _meltemi; echo "${COMPREPLY[*]}"; }
        """,
    "zsh": """
        compdef() { :; }
        compadd() { echo "$found"; }
        _files() { echo files; }
        eval "$(meltemi completion zsh)"
        ask() { words=(meltemi "$@"); CURRENT=$(( $# + 1 )); _meltemi; }
        """,
    "fish": """
        meltemi completion fish | source
        function ask
            echo (complete --do-complete "meltemi $argv")
        end
        """,
}
"""How each shell is asked: its own completion, where it has no terminal."""


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with galley_served(tmp_path) as url:
        monkeypatch.setenv("MELTEMI_SERVER", url)
        for space, names in {
            "default": ("reviews", "ratings"),
            "shop": ("cart",),
        }.items():
            rules = f"/apis/networking.istio.io/v1/namespaces/{space}/destinationrules"
            for name in names:
                body = RULE.replace(b"NAME", name.encode())
                assert Galley(url, "secret").send("POST", rules, body).ok
        yield url


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_names_and_namespaces_are_offered_in_the_shell_itself(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    del filled
    program = shutil.which(shell)
    if program is None:
        pytest.skip(reason=f"there is no {shell}")
    command = tmp_path / "bin" / "meltemi"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m meltemi.ctl "$@"\n')
    command.chmod(0o755)
    questions = ("get dr re", "delete dr/ra", "get dr -n sh", "get -n shop dr ''")
    script = ASK[shell] + "\n".join(f"ask {each}" for each in questions)
    monkeypatch.setenv("PATH", str(command.parent), prepend=os.pathsep)
    monkeypatch.setenv("HOME", str(tmp_path))
    done = subprocess.run(
        [program, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["reviews", "dr/ratings", "shop", "cart"], (
        done.stderr
    )


def test_a_galley_that_is_named_on_the_line_is_asked(
    filled: str, offered: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(offered)
    monkeypatch.setenv("MELTEMI_SERVER", "http://127.0.0.1:1")
    line = f"--server {filled} get dr,vs re"
    assert offered(line) == ["reviews"]
    assert offered(f"--server {filled} get dr reviews r") == ["ratings"]


def test_proxies_are_offered_where_one_is_named() -> None:
    known = Known(
        commands=(),
        options={"--from": Option(takes_value=True)},
        names=lambda _kind, _namespace: (),
        namespaces=lambda: (),
        proxies=lambda: ["a.default", "gateway.istio-system"],
        parts=lambda: (),
    )
    for command, line in {
        "trace": "trace GET http://a/ --from g",
        "pc": "pc route g",
    }.items():
        assert candidates(line.split(" "), command, known) == ["gateway.istio-system"]
    found = candidates(["explain", "proxy/g"], "explain", known)
    assert found == ["proxy/gateway.istio-system"]


def test_every_shell_has_its_script(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert execute(["completion", shell]) == 0
        assert "meltemi complete --" in capsys.readouterr().out
    assert execute(["completion", "cmd"]) == 64
