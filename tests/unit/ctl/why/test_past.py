from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from meltemi.ctl.why import past
from meltemi.ctl.why.past import Past

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "BLOCK", 64)


def blocks(text: bytes, most: int = 10_000) -> list[bytes]:
    log = Past.of("web", io.BytesIO(text), most)
    found = []
    while not log.ended:
        found.append(log.block())
    return found


def test_every_line_is_whole_and_comes_once_the_last_first() -> None:
    lines = [b"%d %s\n" % (each, b"x" * (each % 50)) for each in range(200)]
    found = blocks(b"".join(lines))
    assert len(found) > 50
    assert b"".join(reversed(found)).splitlines(keepends=True) == lines
    assert all(each.endswith(b"\n") for each in found if each)


def test_a_line_longer_than_a_block_hides_none_of_the_others() -> None:
    text = b"first\n" + b"y" * 1000 + b"\nlast\n"
    found = [line for block in blocks(text) for line in block.splitlines()]
    assert found[0] == b"last"
    assert b"first" in found


def test_no_more_is_kept_of_a_long_line_than_two_blocks() -> None:
    assert max(map(len, blocks(b"z" * 5000))) <= 2 * 64


def test_no_more_is_read_than_it_is_told_and_what_is_left_is_known() -> None:
    text = b"".join(b"%04d\n" % each for each in range(100))
    log = Past.of("web", io.BytesIO(text), 52)
    assert log.block() == text[-50:], "the line that it is not to read whole is left"
    assert (log.ended, log.cut, log.read) == (True, True, 52)
    whole = Past.of("web", io.BytesIO(b"a\n"), 52)
    assert (whole.block(), whole.ended, whole.cut) == (b"a\n", True, False)


def test_an_empty_log_has_ended() -> None:
    assert Past.of("web", io.BytesIO(b"")).ended


def test_a_block_is_dated_by_its_newest_request_and_keeps_its_date_without_one() -> (
    None
):
    old = b'{"start_time":"2030-01-01T12:00:00Z"}\n'
    words = b"w" * 63 + b"\n"
    log = Past.of("web", io.BytesIO(old + words))
    log.block()
    assert log.newest is None
    log.block()
    assert log.newest == NOON
    both = b'{"start_time": "2030-01-01T12:00:00Z"}\n{"start_time":"?"}\n'
    dated = Past.of("web", io.BytesIO(both + words))
    while not dated.ended:
        dated.block()
    assert dated.newest == NOON, "a format of somebody's own says nothing"
