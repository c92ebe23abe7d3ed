"""What a client may do on a connection, and what ends it."""

from __future__ import annotations

import struct
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.http2.connection import CONNECTION_WINDOW, STREAMS, Connection
from meltemi.http2.frame import (
    LARGEST,
    PREFACE,
    Code,
    ConnectionEndedError,
    Flag,
    Frame,
    Kind,
    Setting,
    frame,
    settings,
)
from meltemi.http2.header import LARGEST_BLOCK
from meltemi.http2.message import message_head
from meltemi.http2.stream import (
    Drained,
    Finished,
    Opened,
    Received,
    Reset,
)
from meltemi.testkit.http2_client import (
    LAST,
    MESSAGE_BYTES,
    PATH,
    Client,
    cut,
    data_of,
    ended_by,
)

if TYPE_CHECKING:
    from meltemi.http2.stream import Event


def test_a_call_with_its_messages_is_told() -> None:
    client = Client()
    (opened,) = client.call(1, te="trailers")
    assert isinstance(opened, Opened)
    assert opened.headers[":path"] == PATH
    assert client.message(1, b"one") == [Received(1, b"one")]
    assert client.message(1, b"", last=True) == [Received(1, b""), Finished(1)]


@given(size=st.integers(1, 9), seed=st.integers(0, 99))
def test_what_came_is_the_same_however_it_was_cut(size: int, seed: int) -> None:
    client, whole = Client(), Client()
    block = client.block()
    said = (
        frame(Kind.HEADERS, block, LAST, 1)
        + frame(Kind.PING, b"12345678")
        + b"".join(cut(message_head(600) + bytes(600), 1, Flag.END_STREAM))
    )
    told: list[Event] = []
    rng = Random(seed)  # noqa: S311 - cuts that can be made again
    while said:
        length = rng.randint(1, size)
        told += client.say(said[:length])
        said = said[length:]
    again = whole.say(
        frame(Kind.HEADERS, block, LAST, 1)
        + b"".join(cut(message_head(600) + bytes(600), 1, Flag.END_STREAM))
    )
    assert told == again
    assert [each for each in client.answers() if each.kind == Kind.PING] == [
        Frame(Kind.PING, Flag.ACK, 0, b"12345678")
    ]


def test_an_answer_is_headers_messages_and_trailers() -> None:
    client = Client()
    client.call(1)
    client.answers()
    assert client.server.send(1, (b"ab", b"", b"cd"))
    client.server.end(1, 0)
    first, body, last, gone = client.answers()
    assert client.fields(first) == {
        ":status": "200",
        "content-type": "application/grpc",
    }
    assert body.payload == message_head(4) + b"abcd"
    assert last.flags & Flag.END_STREAM
    assert client.fields(last) == {"grpc-status": "0"}
    assert gone.kind == Kind.RST_STREAM, "the client had not ended its side"


def test_a_refusal_says_why_in_letters_that_headers_may_have() -> None:
    client = Client()
    client.call(1)
    client.server.end(1, 7, "nein: 100 % \u2603\n")
    told = client.trailers()
    assert told["grpc-status"] == "7"
    assert told["grpc-message"] == "nein: 100 %25 %E2%98%83%0A"
    assert told[":status"] == "200"


def test_no_more_is_sent_than_the_client_takes() -> None:
    client = Client({Setting.INITIAL_WINDOW_SIZE: 10})
    client.call(1)
    client.answers()
    assert not client.server.send(1, (b"0123456789",))
    assert data_of(client.answers()) == message_head(10) + b"01234"
    assert client.say(frame(Kind.WINDOW_UPDATE, struct.pack(">I", 2), 0, 1)) == []
    assert data_of(client.answers()) == b"56"
    more = settings({Setting.INITIAL_WINDOW_SIZE: 13})
    assert client.say(more) == [Drained(1)]
    assert data_of(client.answers()) == b"789"


def test_no_more_is_put_out_than_there_is_room() -> None:
    client = Client()
    for stream in (1, 3):
        client.call(stream)
    client.answers()
    client.server.room = 10
    assert not client.server.send(1, (b"0123456789",))
    assert data_of(client.answers()) == message_head(10) + b"01234"
    assert not client.server.send(3, (b"abc",))
    assert data_of(client.answers()) == b"", "one for all calls"
    assert list(client.server.go_on(7)) == [Drained(1)]
    assert data_of(client.answers()) == b"56789" + message_head(3)[:2]
    assert list(client.server.go_on(99)) == [Drained(3)]
    assert data_of(client.answers()) == message_head(3)[2:] + b"abc"


def test_the_connection_has_a_window_too() -> None:
    client = Client({Setting.INITIAL_WINDOW_SIZE: 1 << 20})
    for stream in (1, 3):
        client.call(stream)
    client.answers()
    assert client.server.send(1, (bytes(65_000),))
    assert not client.server.send(3, (bytes(65_000),))
    assert len(data_of(client.answers())) == (1 << 16) - 1
    grown = client.say(frame(Kind.WINDOW_UPDATE, struct.pack(">I", 1 << 20)))
    assert grown == [Drained(3)]


def test_frames_are_as_large_as_the_client_takes() -> None:
    client = Client({Setting.MAX_FRAME_SIZE: 20_000})
    client.call(1)
    client.answers()
    client.server.send(1, (bytes(30_000),))
    out = b"".join(client.server.out)
    assert (
        int.from_bytes(out[-(30_005 - 20_000) - 9 : -(30_005 - 20_000) - 6], "big")
        == 10_005
    )


def test_trailers_wait_for_what_is_to_be_sent() -> None:
    client = Client({Setting.INITIAL_WINDOW_SIZE: 3})
    client.call(1)
    client.answers()
    client.server.send(1, (b"abc",))
    client.server.end(1, 0)
    assert [each.kind for each in client.answers()] == [Kind.HEADERS, Kind.DATA]
    client.say(frame(Kind.WINDOW_UPDATE, struct.pack(">I", 99), 0, 1))
    assert [each.kind for each in client.answers()][:2] == [Kind.DATA, Kind.HEADERS]


def test_what_a_call_was_ended_with_first_holds_while_something_waits() -> None:
    client = Client({Setting.INITIAL_WINDOW_SIZE: 3})
    client.call(1)
    client.server.send(1, (b"abc",))
    client.server.end(1, 8, "too late")
    client.server.end(1, 0)
    client.answers()
    client.say(frame(Kind.WINDOW_UPDATE, struct.pack(">I", 99), 0, 1))
    assert client.trailers()["grpc-status"] == "8"


def test_a_call_that_is_reset_is_told_and_what_was_on_its_way_is_let_go() -> None:
    client = Client()
    client.call(1)
    reset = frame(Kind.RST_STREAM, struct.pack(">I", Code.CANCEL), 0, 1)
    assert client.say(reset) == [Reset(1)]
    assert client.message(1, b"late") == []
    assert client.server.send(1, (b"nobody",))


def test_a_message_that_cannot_be_taken_ends_its_call_alone() -> None:
    for head, status in (
        (b"\1" + struct.pack(">I", 4), "12"),
        (b"\0" + struct.pack(">I", MESSAGE_BYTES + 1), "8"),
    ):
        client = Client()
        client.call(1)
        assert client.say(frame(Kind.DATA, head, 0, 1)) == [Reset(1)]
        assert client.trailers()["grpc-status"] == status
        assert isinstance(client.call(3)[0], Opened)


def test_one_call_too_many_is_refused_and_the_others_go_on() -> None:
    client = Client()
    for number in range(STREAMS):
        assert client.call(2 * number + 1)
    client.answers()
    assert client.call(2 * STREAMS + 1) == []
    (refused,) = client.answers()
    assert refused.payload == struct.pack(">I", Code.REFUSED_STREAM)
    assert client.message(1, b"one") == [Received(1, b"one")]


def test_a_header_block_may_be_cut_and_padded() -> None:
    client = Client()
    block = client.block()
    first = bytes((2,)) + bytes(5) + block[:4] + b"xx"
    flags = Flag.PADDED | Flag.PRIORITY
    said = frame(Kind.HEADERS, first, flags, 1)
    said += frame(Kind.CONTINUATION, block[4:], LAST, 1)
    (opened,) = client.say(said)
    assert isinstance(opened, Opened)
    assert opened.headers[":path"] == PATH


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frame(Kind.DATA, b"x", 0, 0), Code.PROTOCOL_ERROR),
        (frame(Kind.DATA, b"x", 0, 5), Code.PROTOCOL_ERROR),
        (frame(Kind.DATA, b"\xff", Flag.PADDED, 1), Code.PROTOCOL_ERROR),
        (frame(Kind.HEADERS, b"\x82", LAST, 2), Code.PROTOCOL_ERROR),
        (frame(Kind.HEADERS, b"\x82", LAST, 1), Code.PROTOCOL_ERROR),
        (frame(Kind.HEADERS, b"\xff\xff\xff\xff\xff", LAST, 3), Code.COMPRESSION_ERROR),
        (frame(Kind.CONTINUATION, b"", LAST, 1), Code.PROTOCOL_ERROR),
        (
            frame(Kind.HEADERS, b"", 0, 3) + frame(Kind.PING, bytes(8)),
            Code.PROTOCOL_ERROR,
        ),
        (frame(Kind.SETTINGS, bytes(5)), Code.FRAME_SIZE_ERROR),
        (frame(Kind.SETTINGS, b"", 0, 1), Code.PROTOCOL_ERROR),
        (frame(Kind.SETTINGS, bytes(6), Flag.ACK), Code.FRAME_SIZE_ERROR),
        (settings({Setting.INITIAL_WINDOW_SIZE: 1 << 31}), Code.FLOW_CONTROL_ERROR),
        (settings({Setting.MAX_FRAME_SIZE: 100}), Code.PROTOCOL_ERROR),
        (settings({Setting.ENABLE_PUSH: 2}), Code.PROTOCOL_ERROR),
        (frame(Kind.PING, bytes(7)), Code.FRAME_SIZE_ERROR),
        (frame(Kind.PING, bytes(8), 0, 1), Code.PROTOCOL_ERROR),
        (frame(Kind.WINDOW_UPDATE, bytes(4)), Code.PROTOCOL_ERROR),
        (frame(Kind.WINDOW_UPDATE, bytes(3)), Code.FRAME_SIZE_ERROR),
        (
            frame(Kind.WINDOW_UPDATE, struct.pack(">I", (1 << 31) - 1)),
            Code.FLOW_CONTROL_ERROR,
        ),
        (frame(Kind.RST_STREAM, bytes(4), 0, 7), Code.PROTOCOL_ERROR),
        (frame(Kind.PUSH_PROMISE, bytes(4), LAST, 1), Code.PROTOCOL_ERROR),
        (b"\xff\xff\xff" + bytes(6), Code.FRAME_SIZE_ERROR),
    ],
)
def test_who_breaks_the_protocol_is_told_how(said: bytes, code: Code) -> None:
    client = Client()
    client.call(1)
    assert ended_by(client, said) is code


def test_a_stream_window_that_overflows_ends_the_stream_alone() -> None:
    client = Client()
    client.call(1)
    client.answers()
    more = struct.pack(">I", (1 << 31) - 1)
    assert client.say(frame(Kind.WINDOW_UPDATE, more, 0, 1)) == [Reset(1)]
    (reset,) = client.answers()
    assert reset.payload == struct.pack(">I", Code.FLOW_CONTROL_ERROR)


def test_more_than_a_window_ends_the_connection() -> None:
    client, size = Client(), LARGEST - 5
    client.call(1)
    unread = frame(Kind.DATA, message_head(size) + bytes(size), 0, 1)
    many = unread * (CONNECTION_WINDOW // LARGEST)
    assert ended_by(client, many) is Code.FLOW_CONTROL_ERROR


def test_the_first_words_must_be_those_of_http2() -> None:
    for said in (b"GET / HTTP/1.1\r\n\r\n", PREFACE + frame(Kind.PING, bytes(8))):
        server = Connection(MESSAGE_BYTES)
        with pytest.raises(ConnectionEndedError) as failure:
            list(server.receive(said, 0.0))
        assert failure.value.reason is Code.PROTOCOL_ERROR


def test_a_header_block_without_end_is_not_kept() -> None:
    client = Client()
    said = frame(Kind.HEADERS, bytes(1000), 0, 1)
    said += frame(Kind.CONTINUATION, bytes(1000), 0, 1) * (LARGEST_BLOCK // 1000 + 1)
    assert ended_by(client, said) is Code.ENHANCE_YOUR_CALM


FUZZED = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.builds(
            frame,
            st.sampled_from(Kind),
            st.binary(max_size=40),
            st.integers(0, 255),
            st.integers(0, 9),
        ),
    ),
    max_size=12,
)


@given(said=FUZZED)
def test_whatever_is_said_is_taken_or_ends_the_connection(said: list[bytes]) -> None:
    client = Client()
    client.call(1)
    try:
        for each in said:
            for event in client.say(each):
                if isinstance(event, Opened):
                    client.server.send(event.stream, (b"x",))
                    client.server.end(event.stream, 0)
    except ConnectionEndedError as error:
        client.server.goodbye(error.reason, str(error))
    waiting = (each.sending.size for each in client.server.streams.values())
    assert sum(waiting) <= 60
    client.answers()  # what was written is frames
