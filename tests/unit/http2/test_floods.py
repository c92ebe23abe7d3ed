"""What costs a server more than the client that sends it has an end."""

from __future__ import annotations

import struct

import pytest

from meltemi.http2.frame import (
    Code,
    ConnectionEndedError,
    Flag,
    Kind,
    frame,
    settings,
)
from meltemi.http2.message import message_head
from meltemi.http2.stream import Received
from meltemi.http2.toll import AT_ONCE, LITTLE, SMALL
from meltemi.testkit.http2_client import LAST, Client, ended_by


@pytest.mark.parametrize(
    "each",
    [
        frame(Kind.PING, bytes(8)),
        settings({}),
        frame(Kind.PRIORITY, bytes(5), 0, 1),
        frame(Kind.DATA, b"", 0, 1),
        frame(Kind.DATA, bytes([255]) + bytes(255), Flag.PADDED, 1),
        b"\0\0\0\x63" + bytes(5),
    ],
)
def test_a_flood_of_frames_that_carry_nothing_ends(each: bytes) -> None:
    client = Client()
    client.call(1)
    for _ in range(int(AT_ONCE) - 2):
        client.say(each)
    assert ended_by(client, each) is Code.ENHANCE_YOUR_CALM


def test_a_flood_of_empty_messages_ends() -> None:
    client = Client()
    client.call(1)
    thousand = frame(Kind.DATA, message_head(0) * 1_000, 0, 1)
    many = int(AT_ONCE / LITTLE) // 1_000
    assert ended_by(client, thousand * (many + 1)) is Code.ENHANCE_YOUR_CALM


def say_in_pieces(client: Client, size: int, messages: int) -> None:
    """Say messages of 60,000 bytes in frames of ``size``, and have them read."""
    client.call(1)
    said = message_head(60_000) + bytes(60_000)
    starts = range(0, len(said), size)
    pieces = b"".join(frame(Kind.DATA, said[n : n + size], 0, 1) for n in starts)
    for _ in range(messages):
        (received,) = client.say(pieces)
        assert isinstance(received, Received)
        client.server.read(1, len(received.message))


@pytest.mark.parametrize("size", [1, SMALL, 10 * SMALL])
def test_messages_cut_into_little_pieces_are_a_flood(size: int) -> None:
    with pytest.raises(ConnectionEndedError, match="carry nothing, or little"):
        say_in_pieces(Client(), size, 300)


def test_messages_in_large_pieces_are_no_flood() -> None:
    say_in_pieces(Client(), 1 << 12, 300)


def test_what_a_busy_proxy_says_is_no_flood() -> None:
    client = Client()
    client.call(1)
    said = frame(Kind.DATA, message_head(100) + bytes(100), 0, 1) * 250
    for second in range(80):
        for each in client.say(said, now=second / 2):
            assert isinstance(each, Received)
            client.server.read(1, len(each.message))


def test_what_comes_for_a_call_that_has_ended_may_be_on_its_way_and_no_more() -> None:
    client, full = Client(), frame(Kind.DATA, bytes(1 << 14), 0, 1)
    client.call(1)
    client.server.end(1, 0)
    client.say(full * 256)  # the largest message
    most = int(AT_ONCE / LITTLE)
    assert ended_by(client, full * most) is Code.ENHANCE_YOUR_CALM


def test_credit_for_each_byte_is_a_flood_and_for_what_is_sent_is_none() -> None:
    client, credit = Client(), frame(Kind.WINDOW_UPDATE, struct.pack(">I", 1))
    client.call(1)
    for _ in range(20):
        client.say(credit * 1_000)
    assert ended_by(client, credit * 200_000) is Code.ENHANCE_YOUR_CALM


def test_calls_that_are_reset_at_once_are_counted() -> None:
    client, reset = Client(), struct.pack(">I", Code.CANCEL)
    said = b"".join(
        frame(Kind.HEADERS, client.block(), LAST, stream)
        + frame(Kind.RST_STREAM, reset, 0, stream)
        for stream in range(1, 2 * int(AT_ONCE), 2)
    )
    assert ended_by(client, said) is Code.ENHANCE_YOUR_CALM


def test_pings_now_and_then_are_no_flood() -> None:
    client = Client()
    for second in range(2 * int(AT_ONCE)):
        client.say(frame(Kind.PING, bytes(8)), now=5.0 * second)
