from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.citadel.adapters.journal import Journal
from meltemi.citadel.audit import FIRST, BrokenChainError, Line, chain, check_chain
from meltemi.testkit.authority import NOON

if TYPE_CHECKING:
    from pathlib import Path


def lines(*reasons: str) -> list[bytes]:
    made, previous = [], FIRST
    for reason in reasons:
        line, previous = chain(Line(time=NOON, what="refused", reason=reason), previous)
        made.append(line)
    return made


def test_a_line_is_json_and_follows_on_the_one_before() -> None:
    one, two = (json.loads(each) for each in lines("a", "b"))
    assert one["previous"] == FIRST
    assert two["previous"] == one["hash"]
    assert two["reason"] == "b"


@given(st.lists(st.text(max_size=600), max_size=5))
def test_whatever_a_caller_says_the_chain_holds_and_a_line_is_a_line(
    reasons: list[str],
) -> None:
    made = lines(*reasons)
    check_chain(made)
    assert all(b"\n" not in each and b"\r" not in each for each in made)


def test_a_line_changed_taken_out_or_moved_is_noticed() -> None:
    made = lines("a", "b", "c")
    check_chain(made)
    for broken in (
        [made[0], made[1].replace(b'"b"', b'"B"'), made[2]],
        [made[0], made[2]],
        [made[1], made[0], made[2]],
        [made[0], b"{}"],
    ):
        with pytest.raises(BrokenChainError, match=r"line [12] "):
            check_chain(broken)


async def test_a_restart_goes_on_with_the_chain_and_keeps_a_broken_one(
    tmp_path: Path,
) -> None:
    file = tmp_path / "audit"
    for reason in ("a", "b"):
        journal = Journal(file)
        journal.note(Line(time=NOON, what="x", reason=reason))
        await journal._flush()
    assert check_chain(file.read_bytes().splitlines()) != FIRST
    assert len(file.read_bytes().splitlines()) == 2
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(file.read_bytes().replace(b'"a"', b'"z"'))
    with pytest.raises(BrokenChainError, match="who changed it"):
        Journal(file)
    assert b'"z"' in file.read_bytes()


async def test_a_file_that_cannot_be_written_is_said_and_its_lines_wait(
    tmp_path: Path,
) -> None:
    file = tmp_path / "away" / "audit"
    journal = Journal(file)
    journal.note(Line(time=NOON, what="x"))
    await journal._flush()
    assert "is not written" in (journal.trouble or "")
    file.parent.mkdir()
    await journal._flush()
    assert journal.trouble is None
    assert len(file.read_bytes().splitlines()) == 1


def test_two_that_write_at_once_write_every_line_once(tmp_path: Path) -> None:
    file = tmp_path / "audit"
    journal = Journal(file)
    for _ in range(20):
        for _ in range(50):
            journal.note(Line(time=NOON, what="x"))
        writers = [threading.Thread(target=journal._write) for _ in range(4)]
        for each in writers:
            each.start()
        for each in writers:
            each.join()
    lines = file.read_bytes().splitlines()
    check_chain(lines)
    assert len(lines) == 1_000
