from __future__ import annotations

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, Resource

from meltemi.proxy.checkpoint import Checkpoint
from meltemi.proxy.replay import Replay

CDS, EDS, LDS = "type/Cluster", "type/ClusterLoadAssignment", "type/Listener"


def stored(*names: str) -> dict[str, bytes]:
    return {n: Resource(name=n, version=f"v-{n}").SerializeToString() for n in names}


CHECKPOINT = Checkpoint("node", {CDS: stored("a", "b"), EDS: stored("a")})


def test_a_cold_envoy_gets_everything_with_its_versions() -> None:
    answer = Replay(CHECKPOINT).answer(DeltaDiscoveryRequest(type_url=CDS))
    assert answer
    assert {r.name: r.version for r in answer.resources} == {"a": "v-a", "b": "v-b"}


def test_endpoints_are_given_by_name_and_unknown_ones_do_not_keep_it_waiting() -> None:
    answer = Replay(CHECKPOINT).answer(
        DeltaDiscoveryRequest(type_url=EDS, resource_names_subscribe=["a", "b"])
    )
    assert answer
    assert [r.name for r in answer.resources] == ["a"]
    assert list(answer.removed_resources) == ["b"]


def test_an_acknowledgement_needs_no_answer() -> None:
    replay = Replay(CHECKPOINT)
    answer = replay.answer(DeltaDiscoveryRequest(type_url=CDS))
    assert answer
    ack = DeltaDiscoveryRequest(type_url=CDS, response_nonce=answer.nonce)
    assert replay.answer(ack) is None


def test_a_type_without_anything_is_answered_with_nothing() -> None:
    answer = Replay(CHECKPOINT).answer(DeltaDiscoveryRequest(type_url=LDS))
    assert answer
    assert not answer.resources


def test_what_envoy_holds_is_neither_replaced_nor_taken_away() -> None:
    replay = Replay(CHECKPOINT)
    warm = DeltaDiscoveryRequest(
        type_url=CDS, initial_resource_versions={"a": "newer", "b": "newer", "c": "1"}
    )
    assert replay.answer(warm) is None


def test_a_later_subscription_is_answered() -> None:
    replay = Replay(CHECKPOINT)
    replay.answer(DeltaDiscoveryRequest(type_url=EDS, resource_names_subscribe=["x"]))
    more = DeltaDiscoveryRequest(type_url=EDS, resource_names_subscribe=["a"])
    answer = replay.answer(more)
    assert answer
    assert [r.name for r in answer.resources] == ["a"]
