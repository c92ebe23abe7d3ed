from __future__ import annotations

import gc

from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.pilot.adapters.said_names import SaidNames, Vocabulary, names_begin

NAMES = st.lists(st.text(max_size=200), max_size=5)
SAID = st.builds(
    DiscoveryRequest,
    version_info=st.text(max_size=200),
    node=st.one_of(st.none(), st.builds(Node, id=st.text(max_size=200))),
    resource_names=NAMES,
    type_url=st.text(max_size=20),
    response_nonce=st.text(max_size=5),
)


def acknowledgement(names: list[str], nonce: str) -> bytes:
    return DiscoveryRequest(
        version_info="v" + nonce,
        resource_names=names,
        type_url="type",
        response_nonce=nonce,
    ).SerializeToString()


@given(st.lists(SAID, max_size=6))
def test_a_request_is_read_as_protobuf_reads_it(said: list[DiscoveryRequest]) -> None:
    vocabulary, known = Vocabulary(), list[SaidNames]()
    for each in said:
        message, names = vocabulary.read(each.SerializeToString(), known)
        assert names.names == set(each.resource_names)
        assert not message.resource_names
        message.resource_names.extend(each.resource_names)
        assert message == each
        known.append(names)


@given(NAMES, NAMES, NAMES)
def test_names_are_read_wherever_they_stand(
    first: list[str], again: list[str], last: list[str]
) -> None:
    vocabulary = Vocabulary()
    _, said = vocabulary.read(acknowledgement(first, "1"), ())
    parts = [DiscoveryRequest(resource_names=each) for each in (again, last)]
    between = DiscoveryRequest(response_nonce="2")
    joined = [each.SerializeToString() for each in (parts[0], between, parts[1])]
    message, names = vocabulary.read(b"".join(joined), (said,))
    assert names.names == {*again, *last}
    assert message.response_nonce == "2"


def test_proxies_that_say_the_same_share_it() -> None:
    vocabulary = Vocabulary()
    every = [vocabulary.read(acknowledgement(["a", "b"], n), ())[1] for n in "123"]
    assert len({id(each) for each in every}) == 1


def test_what_is_said_again_is_the_same_object() -> None:
    vocabulary = Vocabulary()
    _, said = vocabulary.read(acknowledgement(["a", "b"], "1"), ())
    vocabulary.said.clear()  # not found by what it says, then
    _, again = vocabulary.read(acknowledgement(["a", "b"], "2"), (said,))
    assert again is said


def test_what_nobody_says_any_more_is_forgotten() -> None:
    vocabulary = Vocabulary()
    vocabulary.read(acknowledgement(["a"], "1"), ())
    gc.collect()
    assert not vocabulary.said


def test_of_a_long_message_that_is_none_little_is_read() -> None:
    assert names_begin(b"\x0a" + b"\xff" * (4 << 20)) == 0, "a length has no end"
    assert names_begin(b"\x0a\x00" * (2 << 20)) == 2, "a field is written once"
