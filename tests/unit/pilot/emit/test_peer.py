from __future__ import annotations

import base64

from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import (
    HeaderMutation,
)
from envoy.extensions.filters.http.header_to_metadata.v3.header_to_metadata_pb2 import (
    Config,
)
from google.protobuf.struct_pb2 import Value

from meltemi.pilot import ir
from meltemi.pilot.emit.peer import HEADER, introducing, peer_header


def test_a_caller_is_told_in_one_header_ahead_of_the_codec() -> None:
    first, last = introducing((("workload", "reviews-v1"),))
    mutation = HeaderMutation()
    first.typed_config.Unpack(mutation)
    (added,) = mutation.mutations.request_mutations
    assert added.append.header.key == HEADER
    told = Value.FromString(base64.b64decode(added.append.header.value))
    assert told.struct_value["workload"] == "reviews-v1"
    assert last.name == "envoy.filters.http.upstream_codec"


def test_the_header_never_reaches_an_application() -> None:
    read, drop = Config(), HeaderMutation()
    peer_header(ir.PeerHeader.READ).typed_config.Unpack(read)
    assert read.request_rules[0].remove
    peer_header(ir.PeerHeader.DROP).typed_config.Unpack(drop)
    assert drop.mutations.request_mutations[0].remove == HEADER
