"""Responses joined of bytes are the messages that protobuf would make."""

from __future__ import annotations

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryResponse,
    DiscoveryResponse,
    Resource,
)
from google.protobuf.any_pb2 import Any

from meltemi.pilot import frames
from meltemi.pilot.snapshot import stored
from meltemi.xds.types import TypeUrl

CDS = TypeUrl.CLUSTER
BODIES = {
    name: Cluster(name=name, alt_stat_name="x" * size).SerializeToString()
    for name, size in (("a", 0), ("b", 60), ("c", 200), ("d", 20_000), ("é|80", 3))
}


@pytest.mark.parametrize("removed", [(), ("gone", "left")])
def test_an_incremental_response_reads_as_it_was_meant(
    removed: tuple[str, ...],
) -> None:
    made = [stored(CDS, name, body) for name, body in BODIES.items()]
    pieces = frames.delta_response(CDS, removed, "epoch/7", "12")
    pieces += [piece for each in made for piece in (each.delta_head, each.body)]
    assert DeltaDiscoveryResponse.FromString(
        b"".join(pieces)
    ) == DeltaDiscoveryResponse(
        system_version_info="epoch/7",
        type_url=CDS,
        nonce="12",
        removed_resources=removed,
        resources=[
            Resource(
                name=name,
                version=each.version,
                resource=Any(type_url=CDS, value=each.body),
            )
            for name, each in zip(BODIES, made, strict=True)
        ],
    )


def test_a_response_of_the_whole_state_reads_as_it_was_meant() -> None:
    made = [stored(CDS, name, body) for name, body in BODIES.items()]
    pieces = frames.whole_response(CDS, "v1", "3")
    pieces += [piece for each in made for piece in (each.whole_head, each.body)]
    assert DiscoveryResponse.FromString(b"".join(pieces)) == DiscoveryResponse(
        version_info="v1",
        type_url=CDS,
        nonce="3",
        resources=[Any(type_url=CDS, value=each.body) for each in made],
    )
