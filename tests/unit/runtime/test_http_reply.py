from __future__ import annotations

import pytest

from meltemi.runtime.http_reply import BadReplyError, Reply

OK = b"HTTP/1.1 200 OK\r\n"


def fed(*pieces: bytes, limit: int = 100) -> Reply:
    reply = Reply(body_limit=limit)
    for piece in pieces:
        reply.feed(piece)
    return reply


def test_an_answer_may_come_in_any_pieces() -> None:
    whole = OK + b"Content-Type: a/b\r\ncontent-length: 5\r\n\r\nhello"
    reply = fed(*(bytes([byte]) for byte in whole))
    assert reply.is_complete
    assert (reply.status, reply.body) == (200, b"hello")
    assert reply.headers["content-type"] == "a/b"


def test_a_chunked_body_is_put_together() -> None:
    head = OK + b"transfer-encoding: chunked\r\n\r\n"
    reply = fed(head, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n")
    assert reply.is_complete
    assert reply.body == b"abcde"


def test_a_body_without_length_ends_with_the_connection() -> None:
    reply = fed(OK + b"\r\n", b"abc")
    assert not reply.is_complete
    reply.end()
    assert reply.is_complete
    assert reply.body == b"abc"


@pytest.mark.parametrize(
    "start",
    [
        OK + b"content-length: 5\r\n\r\nhel",
        OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        OK + b"content-le",
        b"",
    ],
)
def test_half_an_answer_is_none(start: bytes) -> None:
    reply = fed(start)
    with pytest.raises(BadReplyError, match="before the answer did"):
        reply.end()


def test_more_of_a_body_than_the_limit_is_not_taken() -> None:
    with pytest.raises(BadReplyError, match="more than 100 bytes"):
        fed(OK + b"content-length: 1073741824\r\n\r\n")
    with pytest.raises(BadReplyError, match="more than 100 bytes"):
        fed(OK + b"\r\n", b"a" * 60, b"a" * 60)
    with pytest.raises(BadReplyError, match="more than 100 bytes"):
        fed(OK + b"transfer-encoding: chunked\r\n\r\n", b"65\r\n" + b"a" * 101)


def test_a_header_without_end_is_cut() -> None:
    with pytest.raises(BadReplyError, match="the header has more"):
        fed(OK, *(b"a: " + b"b" * 1000 + b"\r\n" for _ in range(40)))


def test_what_is_not_http_is_said_so() -> None:
    with pytest.raises(BadReplyError, match="no HTTP"):
        fed(b"SSH-2.0-OpenSSH\r\n")


def test_what_is_drained_is_not_kept_but_counts() -> None:
    reply = fed(OK + b"content-length: 6\r\n\r\nabc", limit=6)
    assert reply.drained() == b"abc"
    reply.feed(b"def")
    assert (reply.drained(), reply.body) == (b"def", b"")
    assert reply.is_complete
    long = fed(OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", limit=5)
    long.drained()
    with pytest.raises(BadReplyError, match="more than 5 bytes"):
        long.feed(b"3\r\ndef\r\n")
