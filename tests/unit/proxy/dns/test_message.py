from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meltemi.proxy.dns.message import (
    A,
    MalformedMessageError,
    address_record,
    answer,
    complaint,
    query,
    records,
)
from meltemi.testkit.dns import AAAA, question, taken_apart

TAIL = b"\xc0\x0c" + address_record(A, 30, bytes([10, 0, 0, 1]))


def test_a_question_is_read_and_its_name_compared_in_small_letters() -> None:
    asked = query(question("Reviews.Default", AAAA))
    assert asked.key == b"\x07reviews\x07default\x00"
    assert (asked.kind, asked.klass, asked.edns) == (AAAA, 1, None)
    assert len(asked.raw) == asked.end


@pytest.mark.parametrize(
    ("size", "limit"), [(0, 512), (100, 512), (1232, 1232), (65_000, 4096)]
)
def test_an_answer_is_as_long_as_its_asker_takes(size: int, limit: int) -> None:
    asked = query(question("reviews", size=size))
    assert asked.limit(udp=True) == limit
    assert asked.limit(udp=False) == 65_535


def test_options_are_noticed_behind_other_records() -> None:
    raw = question("a", size=1232)[:-11]
    opt = b"\0" + struct.pack(">HHIH", 41, 4096, 0x8000, 4) + b"\0\x0a\0\0"
    more = raw[:6] + struct.pack(">HHH", 1, 0, 1) + raw[12:] + TAIL + opt
    assert query(more).edns == (4096, True, True)


def test_the_letters_of_the_question_come_back_as_they_were() -> None:
    asked = query(question("ReViEwS", ident=0xBEEF, size=1232))
    told = taken_apart(answer(asked, [TAIL], 512))
    assert (told.ident, told.asked) == (0xBEEF, "ReViEwS")
    assert told.records == [("ReViEwS", A, 30, "10.0.0.1")]
    assert told.flags == 0x8580, "answer, authority, recursion wanted and to be had"


def test_what_does_not_fit_is_left_out_and_told_of() -> None:
    asked = query(question("reviews", size=512))
    raw = answer(asked, [TAIL] * 100, asked.limit(udp=True))
    told = taken_apart(raw)
    assert told.truncated
    assert len(raw) <= 512 < len(raw) + len(TAIL)
    assert len(told.records) > 20
    whole = taken_apart(answer(asked, [TAIL] * 100, asked.limit(udp=False)))
    assert not whole.truncated
    assert len(whole.records) == 100


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        question("a")[:11],
        question("a")[:-1],
        b"\0\7\1\0\0\2" + question("a")[6:],
        question("a")[:2] + b"\x81" + question("a")[3:],
        question("a")[:12] + b"\xc0\x0c\0\1\0\1",
        question("a")[:12] + b"\x40" + b"a" * 64 + b"\0\0\1\0\1",
        question("a" + ".aaaaaaaaa" * 26),
        question("a", size=512)[:-1],
        question("a", size=512)[:-2] + b"\0\1",
    ],
    ids=[
        *("empty", "header", "question", "two", "answer", "pointer", "label", "name"),
        *("record", "data"),
    ],
)
def test_what_is_no_question_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        query(raw)


def test_a_bad_question_is_complained_of_and_an_answer_never_is() -> None:
    raw = question("a")
    complained = complaint(raw[:13])
    assert complained is not None
    assert taken_apart(complained).code == 1
    assert complaint(raw[:11]) is None
    assert complaint(raw[:2] + b"\x81" + raw[3:]) is None


@given(st.binary(max_size=100), st.binary(max_size=64), st.integers(0, 4))
@example(b"", b"\xff" * 12, 1)
def test_bytes_of_any_kind_raise_nothing_but_our_own_error(
    noise: bytes, head: bytes, count: int
) -> None:
    for raw in (noise, head + noise, question("a.b")[:12] + noise):
        with contextlib.suppress(MalformedMessageError):
            query(raw)
        with contextlib.suppress(MalformedMessageError):
            list(records(raw, len(raw) // 2, count))
        complaint(raw)
