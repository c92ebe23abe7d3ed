"""The token a workload joins with is not for everybody to read."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.ctl.workload.token import STDIN, token_of
from meltemi.ctl.workload.wish import BadWishError

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = ("--service", "hello", "--port", "8080")
URL = "https://galley.invalid:15443"


def join(*words: str) -> Sequence[str]:
    return ["workload", "join", URL, *words, *WORDS]


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def test_it_is_in_a_file_or_comes_by_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("of-a-file\n")
    assert token_of("", file) == "of-a-file"
    assert token_of("of-a-variable", None) == "of-a-variable"
    piped(monkeypatch, b" of-a-pipe\n")
    assert token_of("", STDIN) == "of-a-pipe"


@pytest.mark.parametrize("data", [b"", b" \n", "tökén".encode()])
def test_no_token_is_an_error(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, data)
    with pytest.raises(BadWishError, match="token"):
        token_of("", STDIN)
    with pytest.raises(BadWishError, match="token-file /absent"):
        token_of("", Path("/absent"))


def test_on_the_command_line_it_is_taken_with_a_warning(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(join("--token", "secret"))
    assert "--token-file FILE" in capfd.readouterr().err
    monkeypatch.setenv("MELTEMI_TOKEN", "secret")
    execute(join())
    assert "processes" not in capfd.readouterr().err


def test_two_tokens_are_one_too_many(capfd: pytest.CaptureFixture[str]) -> None:
    assert execute(join("--token", "a", "--token-file", "-"))
    assert "both given" in capfd.readouterr().err
