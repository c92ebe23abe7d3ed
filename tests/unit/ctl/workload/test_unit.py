from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.ctl.workload.systemd import parsed_join
from meltemi.ctl.workload.unit import Unit, quoted, unit_text
from meltemi.ctl.workload.wish import BadWishError

WANTED = Unit(
    name="hello",
    url="https://galley.example.com:15443",
    join=("--service", "hello", "--port", "8080", "--", "/bin/true", "100% good"),
    program="/bin/true",
    token="/etc/meltemi/token",  # noqa: S106 - a file's name
    user="root",
)
EXAMPLE = Path(__file__).parents[4] / "deploy/systemd/hello.service"
NO_SYSTEMD = not shutil.which("systemd-analyze")


def started(wanted: Unit) -> list[str]:
    """Return the command as systemd starts it."""
    (line,) = (e for e in unit_text(wanted).splitlines() if e.startswith("ExecStart="))
    words = shlex.split(line.removeprefix("ExecStart="))
    return [each.replace("%%", "%").replace("$$", "$") for each in words]


def test_the_unit_starts_the_command_that_joins_with_the_token_it_was_handed() -> None:
    begin = ["/bin/true", "--state", "/var/lib/meltemi", "workload", "join"]
    token = ["--token-file", "%d/token"]
    assert started(WANTED) == [*begin, WANTED.url, *token, *WANTED.join]


@given(st.text(st.characters(exclude_categories=["C"]), max_size=20))
def test_a_word_of_the_command_stays_one_word(word: str) -> None:
    made = started(replace(WANTED, join=("--", "/bin/true", word)))
    assert made[-3:] == ["--", "/bin/true", word]


def test_a_new_line_ends_no_line_of_the_unit() -> None:
    assert "\n" not in quoted("a\nUser=root")


def test_only_who_captures_gets_a_right_over_the_network() -> None:
    assert "Capabilities" not in unit_text(WANTED)
    captured = unit_text(replace(WANTED, captured=True))
    assert "\nAmbientCapabilities=CAP_NET_ADMIN\n" in captured


def test_who_captures_leaves_no_rules_however_it_ended() -> None:
    assert "capture clean" not in unit_text(WANTED)
    captured = unit_text(replace(WANTED, captured=True))
    assert "\nExecStopPost=-/bin/true capture clean\n" in captured


def test_a_unit_sees_its_program_wherever_that_is() -> None:
    assert "\nPrivateTmp=yes\n" in unit_text(WANTED)
    below = replace(WANTED, program="/tmp/venv/bin/meltemi")  # noqa: S108 - a name
    assert "\nPrivateTmp=no\n" in unit_text(below)


@pytest.mark.skipif(NO_SYSTEMD, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("captured", [False, True])
def test_systemd_takes_the_unit(tmp_path: Path, *, captured: bool) -> None:
    file = tmp_path / "hello.service"
    file.write_text(unit_text(replace(WANTED, captured=captured)))
    done = subprocess.run(
        [str(shutil.which("systemd-analyze")), "verify", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "hello.service" not in done.stderr, done.stderr


def test_options_are_those_of_join_and_the_token_is_not_among_them() -> None:
    words = ["--service", "hello", "--port", "8080", "--", "/bin/true", "--token", "x"]
    assert parsed_join(WANTED.url, words)["service"] == "hello"
    with pytest.raises(BadWishError, match="anybody may read a unit"):
        parsed_join(WANTED.url, ["--token", "x", *words])
    with pytest.raises(BadWishError, match="eighty"):
        parsed_join(WANTED.url, ["--service", "hello", "--port", "eighty"])


def test_the_example_is_what_the_command_prints() -> None:
    join = ("--ca", "/etc/meltemi/roots.pem", "--service", "hello", "--port", "8080")
    example = Unit(
        name="hello",
        url="https://galley.example.com:15443",
        join=(*join, "--name", "hello", "--", "/usr/bin/hello"),
        program="/usr/local/bin/meltemi",
        token="/etc/meltemi/token",  # noqa: S106 - a file's name
        user="meltemi",
    )
    assert EXAMPLE.read_text() == unit_text(example)
