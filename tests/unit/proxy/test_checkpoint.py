from __future__ import annotations

import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Resource,
)
from google.rpc.status_pb2 import Status

from meltemi.proxy.checkpoint import (
    Checkpoint,
    CorruptCheckpointError,
    Recorder,
    decode,
    encode,
)
from meltemi.xds.types import TypeUrl
from meltemi.xds.watch import REFUSED

CDS, EDS = TypeUrl.CLUSTER.value, TypeUrl.ENDPOINT.value
NODE = "sidecar~1~a.b~c"


def say(
    url: str, *names: str, nonce: str, gone: tuple[str, ...] = ()
) -> DeltaDiscoveryResponse:
    return DeltaDiscoveryResponse(
        type_url=url,
        nonce=nonce,
        resources=[Resource(name=name, version=nonce) for name in names],
        removed_resources=gone,
    )


def ack(url: str, nonce: str, *names: str, error: str = "") -> DeltaDiscoveryRequest:
    return DeltaDiscoveryRequest(
        type_url=url,
        response_nonce=nonce,
        resource_names_subscribe=names,
        error_detail=Status(code=13, message=error) if error else None,
    )


def opening(url: str, *names: str, had: tuple[str, ...] = ()) -> DeltaDiscoveryRequest:
    return DeltaDiscoveryRequest(
        type_url=url,
        resource_names_subscribe=names,
        initial_resource_versions=dict.fromkeys(had, "1"),
    )


def recorder(held: Checkpoint | None = None) -> Recorder:
    made = Recorder(NODE, held.types if held else {})
    made.begin()
    return made


def holdings(made: Recorder) -> dict[str, set[str]]:
    return {url: set(each) for url, each in made.checkpoint().types.items() if each}


def taken(*names: str) -> Recorder:
    made = recorder()
    made.heard(opening(CDS))
    made.sent(say(CDS, *names, nonce="1"))
    made.heard(ack(CDS, "1"))
    return made


def test_only_what_envoy_acknowledged_is_kept() -> None:
    made = recorder()
    made.heard(opening(CDS))
    made.sent(say(CDS, "a", nonce="1"))
    assert made.empty, "sent is not taken"
    assert made.heard(ack(CDS, "1"))
    assert holdings(made) == {CDS: {"a"}}


def test_the_next_pilot_is_told_how_new_the_newest_was() -> None:
    made = recorder()
    assert made.floor == ""
    for told in ("cafe/7", ""):  # an agent's own responses are no Pilot's
        made.sent(DeltaDiscoveryResponse(type_url=CDS, system_version_info=told))
    made.begin()
    assert made.floor == "cafe/7"


def test_what_envoy_refused_is_not_kept() -> None:
    made = taken("a")
    made.sent(say(CDS, "bad", nonce="2"))
    assert not made.heard(ack(CDS, "2", error="no"))
    assert holdings(made) == {CDS: {"a"}}


def test_an_answer_of_another_stream_acknowledges_nothing() -> None:
    made = recorder()
    made.sent(say(CDS, "a", nonce="1"))
    made.begin()
    assert not made.heard(ack(CDS, "1"))


def test_secrets_are_kept_in_memory_and_never_written_down() -> None:
    url = TypeUrl.SECRET.value
    made = taken("a")
    made.heard(opening(url, "kubernetes://web"))
    made.sent(say(url, "kubernetes://web", nonce="2"))
    made.heard(ack(url, "2"))
    assert holdings(made) == {CDS: {"a"}, url: {"kubernetes://web"}}
    assert made.durable().types.keys() == {CDS}


def test_a_removal_is_followed() -> None:
    made = taken("a", "b")
    made.sent(say(CDS, nonce="2", gone=("a",)))
    made.heard(ack(CDS, "2"))
    assert holdings(made) == {CDS: {"b"}}


def test_a_cold_envoy_replaces_what_the_one_before_it_held() -> None:
    made = recorder(taken("a", "stale").checkpoint())
    made.heard(opening(CDS))
    assert holdings(made) == {CDS: {"a", "stale"}}, "until it has taken something"
    made.sent(say(CDS, "a", nonce="9"))
    made.heard(ack(CDS, "9"))
    assert holdings(made) == {CDS: {"a"}}


def test_a_warm_envoy_keeps_what_it_says_it_has() -> None:
    made = recorder(taken("a", "stale").checkpoint())
    made.heard(opening(CDS, had=("a",)))
    made.sent(say(CDS, "b", nonce="9"))
    made.heard(ack(CDS, "9"))
    assert holdings(made) == {CDS: {"a", "b"}}


def test_endpoints_nobody_wants_any_more_are_dropped() -> None:
    made = recorder()
    made.heard(opening(EDS, "x", "y"))
    made.sent(say(EDS, "x", "y", nonce="1"))
    made.heard(ack(EDS, "1"))
    made.heard(DeltaDiscoveryRequest(type_url=EDS, resource_names_unsubscribe=["x"]))
    assert holdings(made) == {EDS: {"y"}}


def test_a_checkpoint_survives_its_bytes() -> None:
    stored = taken("a", "b").checkpoint()
    assert decode(encode(stored)) == stored


def test_a_flipped_bit_anywhere_is_noticed() -> None:
    raw = encode(taken("a", "b").checkpoint())
    for offset in range(len(raw)):
        bad = bytearray(raw)
        bad[offset] ^= 1 << (offset % 8)
        with pytest.raises(CorruptCheckpointError):
            decode(bytes(bad))


def test_a_torn_checkpoint_is_noticed_wherever_it_was_cut() -> None:
    raw = encode(taken("a", "b").checkpoint())
    for length in range(len(raw)):
        with pytest.raises(CorruptCheckpointError):
            decode(raw[:length])


def test_a_new_pilot_is_told_what_envoy_may_be_warming() -> None:
    made = taken("a")
    made.sent(say(CDS, "a", "new", nonce="2"))
    made.heard(ack(CDS, "2", error="no"))
    made.begin()
    told = made.retold(opening(CDS, had=("a", "b")))
    assert told is not None
    assert told.initial_resource_versions == {"a": REFUSED, "new": REFUSED, "b": "1"}


def test_what_envoy_took_or_lost_later_is_not_in_its_way() -> None:
    made = taken("a")
    made.sent(say(CDS, "a", "new", nonce="2"))
    made.heard(ack(CDS, "2", error="no"))
    made.sent(say(CDS, "a", nonce="3", gone=("new",)))
    made.heard(ack(CDS, "3"))
    made.begin()
    assert made.retold(opening(CDS, had=("a",))) is None


def test_only_the_first_request_of_a_stream_and_a_type_is_told_anew() -> None:
    made = taken("a")
    made.sent(say(CDS, "a", nonce="2"))
    made.heard(ack(CDS, "2", error="no"))
    assert made.retold(ack(CDS, "3")) is None
    made.begin()
    assert made.retold(opening(EDS, "a")) is None


def test_an_answer_is_to_a_response_of_its_own_type() -> None:
    """Each type of a Pilot's counts its responses by itself."""
    made = recorder()
    made.heard(opening(CDS))
    made.heard(opening(EDS, "e"))
    made.sent(say(CDS, "c", nonce="1"))
    made.sent(say(EDS, "e", nonce="1"))
    assert made.heard(ack(EDS, "1"))
    made.heard(ack(CDS, "1", error="bad"))
    assert holdings(made) == {EDS: {"e"}}
    assert set(made.held(EDS)) == {"e"}
    assert made.held(TypeUrl.EXTENSION) == {}
