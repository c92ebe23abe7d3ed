from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.proxy.dns.message import MalformedMessageError, query
from meltemi.proxy.dns.reply import (
    aged,
    answers,
    asked_as,
    fitted,
    lifetime,
    settles,
    truncated,
)
from meltemi.testkit.dns import AAAA, absent, question, taken_apart, told

ASKED = query(question("Example.com", ident=1, size=1232))
SENT = asked_as(ASKED, 0x1234)


def test_a_nameserver_is_asked_with_an_id_of_our_own_and_everything_else() -> None:
    assert b"\x12\x34" + ASKED.raw[2:] == SENT


def test_an_answer_has_the_id_and_the_question_in_whatever_letters() -> None:
    good = told(SENT, "192.0.2.1")
    assert answers(good, ASKED, 0x1234)
    assert answers(good.replace(b"Example", b"eXAMPLE"), ASKED, 0x1234)


@pytest.mark.parametrize(
    "raw",
    [
        told(b"\x12\x35" + SENT[2:], "192.0.2.1"),
        told(asked_as(query(question("example.org")), 0x1234)),
        told(asked_as(query(question("example.com", AAAA)), 0x1234)),
        SENT,
        told(SENT)[:14],
        b"",
        told(SENT)[:4] + b"\0\0" + bytes(6),
    ],
    ids=["id", "name", "type", "question", "cut", "empty", "success without question"],
)
def test_what_somebody_else_says_is_no_answer(raw: bytes) -> None:
    assert not answers(raw, ASKED, 0x1234)


def test_a_complaint_need_not_repeat_the_question() -> None:
    raw = b"\x12\x34\x81\x81" + bytes(8)
    assert answers(raw, ASKED, 0x1234)
    assert not settles(raw)
    assert taken_apart(fitted(raw, ASKED, 512)).code == 1


def test_an_answer_holds_as_long_as_the_shortest_of_its_records() -> None:
    one = told(SENT, "192.0.2.1", life=60)
    assert lifetime(one, ASKED.end) == 60
    assert lifetime(told(SENT, "192.0.2.1", life=0), ASKED.end) == 0
    assert lifetime(told(SENT, "192.0.2.1", life=1 << 31), ASKED.end) == 3600


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize(
    ("life", "least", "held"), [(60, 20, 20), (20, 60, 20), (9999, 9999, 900)]
)
def test_what_is_not_there_is_kept_as_the_zone_says(
    code: int, life: int, least: int, held: int
) -> None:
    raw = absent(SENT, life=life, least=least, code=code)
    assert lifetime(raw, ASKED.end) == held


@pytest.mark.parametrize(
    "raw",
    [
        told(SENT, code=3),
        told(SENT, code=2),
        told(SENT, "192.0.2.1", truncated=True),
        told(SENT, "192.0.2.1")[:-1],
    ],
    ids=["no zone", "failure", "truncated", "cut"],
)
def test_what_does_not_say_how_long_it_holds_is_not_kept(raw: bytes) -> None:
    assert lifetime(raw, ASKED.end) == 0


def test_an_answer_grows_old() -> None:
    raw = told(SENT, "192.0.2.1", "192.0.2.2", life=60)
    lives = [life for _, _, life, _ in taken_apart(aged(raw, ASKED.end, 25)).records]
    assert lives == [35, 35]
    old = taken_apart(aged(raw, ASKED.end, 100))
    assert [life for _, _, life, _ in old.records] == [0, 0]


def test_an_answer_has_the_askers_id_and_letters() -> None:
    found = taken_apart(fitted(told(SENT, "192.0.2.1"), ASKED, 512))
    assert (found.ident, found.asked) == (1, "Example.com")
    assert found.values == ["192.0.2.1"]


def test_an_answer_that_is_too_long_says_so() -> None:
    long = told(SENT, *[f"192.0.2.{each}" for each in range(1, 100)])
    found = taken_apart(fitted(long, ASKED, 512))
    assert found.truncated
    assert found.records == []
    assert truncated(fitted(long, ASKED, 512))
    assert not truncated(long)


@given(st.binary(max_size=120), st.integers(0, 3))
def test_bytes_of_any_kind_from_a_nameserver_raise_nothing(
    noise: bytes, count: int
) -> None:
    head = b"\x12\x34\x81\x80" + struct.pack(">HHHH", 1, count, count, count)
    name = ASKED.raw[12 : ASKED.end]
    for raw in (noise, head + noise, head + name + noise):
        if answers(raw, ASKED, 0x1234):
            held = lifetime(raw, ASKED.end)
            fitted(raw, ASKED, 512)
            with contextlib.suppress(MalformedMessageError):
                aged(raw, ASKED.end, 1)
            if held:
                aged(raw, ASKED.end, 1)
