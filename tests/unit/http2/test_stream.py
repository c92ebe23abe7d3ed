"""How much of a call a client may send."""

from __future__ import annotations

from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from meltemi.http2.frame import LARGEST, Flag, Kind, frame
from meltemi.http2.message import message_head
from meltemi.http2.stream import WINDOW, Begun, Received
from meltemi.testkit.http2_client import Client, cut


def test_a_client_may_send_on_when_what_it_sent_was_read() -> None:
    client, body = Client(), bytes(WINDOW // 4)
    client.call(1)
    for _ in range(3):
        client.message(1, body)
    assert credit(client) == 0, "nobody read it"
    client.server.read(1, len(body))
    client.server.read(1, len(body))
    assert credit(client) >= WINDOW // 2


def test_of_a_large_message_a_window_comes_until_it_is_admitted() -> None:
    client, body = Client(), bytes(3 * WINDOW)
    client.call(1)
    said = message_head(len(body)) + body
    sent = b"".join(cut(said[:WINDOW], 1, Flag.NONE))
    assert client.say(sent) == [Begun(1, len(said))], "and that once"
    assert credit(client) == 0
    client.server.admit(1, len(said))
    assert credit(client) == len(said), "the rest of it, and a window"
    sent = b"".join(cut(said[WINDOW:], 1, Flag.NONE))
    assert client.say(sent) == [Received(1, body)]
    client.server.read(1, len(body))
    assert credit(client) == 0, "what was admitted was that message"


def test_each_large_message_has_to_be_admitted() -> None:
    client, head = Client(), message_head(2 * WINDOW)
    client.call(1)
    size = len(head) + 2 * WINDOW
    (begun,) = client.say(frame(Kind.DATA, head, 0, 1))
    assert begun == Begun(1, size)
    client.server.admit(1, size)
    both = bytes(2 * WINDOW) + head
    assert client.say(b"".join(cut(both, 1, Flag.NONE))) == [
        Received(1, bytes(2 * WINDOW)),
        Begun(1, size),
    ]


@example(sizes=[WINDOW // 3, WINDOW - 9], late=0, seed=0)
@given(
    sizes=st.lists(st.integers(0, 3 * WINDOW), min_size=1, max_size=6),
    late=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_all_comes_whatever_is_sent_and_no_more_is_held_than_a_window(
    sizes: list[int], late: int, seed: int
) -> None:
    client, rng = Client(), Random(seed)  # noqa: S311 - cuts that can be made again
    client.call(1)
    client.answers()
    (stream,) = client.server.streams.values()
    left = b"".join(message_head(each) + bytes(each) for each in sizes)
    allowed, begun, came, unread = WINDOW, 0, list[int](), list[int]()
    while left or unread:
        size = min(allowed, len(left), rng.randint(1, LARGEST))
        for event in client.say(frame(Kind.DATA, left[:size], 0, 1)) if size else ():
            if isinstance(event, Received):
                came.append(len(event.message))
                unread.append(came[-1])
            if isinstance(event, Begun):
                begun = event.size
        assert stream.unread + stream.messages.held - stream.admitted <= WINDOW
        left = left[size:]
        if unread and (len(unread) > late or not size):
            client.server.read(1, unread.pop(0))
        elif begun and not unread:
            client.server.admit(1, begun)
            begun = 0
        allowed += credit(client) - size
        assert allowed or unread or begun or not left, (
            "it waits for what nobody will do"
        )
    assert came == sizes


def test_who_has_sent_all_is_let_send_no_more() -> None:
    client, body = Client(), bytes(WINDOW - 99)
    client.call(1)
    client.message(1, body, last=True)
    client.server.read(1, len(body))
    assert credit(client) == 0


def credit(client: Client) -> int:
    """Return how much more the client was just told that it may send of a stream."""
    return sum(
        int.from_bytes(each.payload, "big")
        for each in client.answers()
        if each.kind == Kind.WINDOW_UPDATE and each.stream
    )
