from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Resource,
)

from meltemi.proxy.checkpoint import Checkpoint
from meltemi.proxy.replay import Replay
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterable

CDS, EDS, LDS = "type/Cluster", "type/ClusterLoadAssignment", "type/Listener"


def said(
    replay: Replay, request: DeltaDiscoveryRequest
) -> DeltaDiscoveryResponse | None:
    """Return the one answer to ``request``, or None."""
    answers = list(replay.answers(request))
    assert len(answers) <= 1
    return answers[0] if answers else None


def stored(*names: str) -> dict[str, bytes]:
    return {n: Resource(name=n, version=f"v-{n}").SerializeToString() for n in names}


CHECKPOINT = Checkpoint("node", {CDS: stored("a", "b"), EDS: stored("a")})


def test_a_cold_envoy_gets_everything_with_its_versions() -> None:
    answer = said(Replay(CHECKPOINT), DeltaDiscoveryRequest(type_url=CDS))
    assert answer
    assert {r.name: r.version for r in answer.resources} == {"a": "v-a", "b": "v-b"}


def test_endpoints_are_given_by_name_and_unknown_ones_do_not_keep_it_waiting() -> None:
    answer = said(
        Replay(CHECKPOINT),
        DeltaDiscoveryRequest(type_url=EDS, resource_names_subscribe=["a", "b"]),
    )
    assert answer
    assert [r.name for r in answer.resources] == ["a"]
    assert list(answer.removed_resources) == ["b"]


def test_an_acknowledgement_needs_no_answer() -> None:
    replay = Replay(CHECKPOINT)
    answer = said(replay, DeltaDiscoveryRequest(type_url=CDS))
    assert answer
    ack = DeltaDiscoveryRequest(type_url=CDS, response_nonce=answer.nonce)
    assert said(replay, ack) is None


def test_a_type_without_anything_is_answered_with_nothing() -> None:
    answer = said(Replay(CHECKPOINT), DeltaDiscoveryRequest(type_url=LDS))
    assert answer
    assert not answer.resources


def test_what_envoy_holds_is_neither_replaced_nor_taken_away() -> None:
    replay = Replay(CHECKPOINT)
    warm = DeltaDiscoveryRequest(
        type_url=CDS, initial_resource_versions={"a": "newer", "b": "newer", "c": "1"}
    )
    assert said(replay, warm) is None


def test_a_later_subscription_is_answered() -> None:
    replay = Replay(CHECKPOINT)
    said(replay, DeltaDiscoveryRequest(type_url=EDS, resource_names_subscribe=["x"]))
    more = DeltaDiscoveryRequest(type_url=EDS, resource_names_subscribe=["a"])
    answer = said(replay, more)
    assert answer
    assert [r.name for r in answer.resources] == ["a"]


def names(answers: Iterable[DeltaDiscoveryResponse]) -> list[tuple[str, list[str]]]:
    return [
        (TypeUrl(each.type_url).short, [one.name for one in each.resources])
        for each in answers
    ]


def test_virtual_hosts_follow_the_tables_they_belong_to() -> None:
    routes, hosts = TypeUrl.ROUTE, TypeUrl.VIRTUAL_HOST
    kept: dict[str, dict[str, bytes]] = {
        routes: stored("80", "81"),
        hosts: stored("80/a", "81/a", "81/b"),
    }
    replay = Replay(Checkpoint("node", kept))

    def ask(kind: str, *tables: str) -> list[tuple[str, list[str]]]:
        request = DeltaDiscoveryRequest(
            type_url=kind, resource_names_subscribe=list(tables)
        )
        return names(replay.answers(request))

    assert ask(routes, "80") == [("rds", ["80"])]
    assert ask(hosts) == [("vhds", ["80/a"])], "Envoy drops those of other tables"
    assert ask(routes, "81") == [("rds", ["81"]), ("vhds", ["81/a", "81/b"])]
