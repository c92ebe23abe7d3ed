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
from meltemi.pilot.emit.peer import HEADER, introducing, peer_header, withholding


def test_who_is_called_is_told_of_the_caller_in_one_header() -> None:
    mutation = HeaderMutation()
    introducing((("workload", "reviews-v1"),)).typed_config.Unpack(mutation)
    (added,) = mutation.mutations.request_mutations
    assert added.append.header.key == HEADER
    told = Value.FromString(base64.b64decode(added.append.header.value))
    assert told.struct_value["workload"] == "reviews-v1"


def test_who_is_not_of_the_mesh_is_not_told() -> None:
    first, last = withholding()
    mutation = HeaderMutation()
    first.typed_config.Unpack(mutation)
    assert mutation.mutations.request_mutations[0].remove == HEADER
    assert last.name == "envoy.filters.http.upstream_codec", "it ends every such chain"


def test_the_header_never_reaches_an_application() -> None:
    read, drop = Config(), HeaderMutation()
    peer_header(ir.PeerHeader.READ).typed_config.Unpack(read)
    assert read.request_rules[0].remove
    peer_header(ir.PeerHeader.DROP).typed_config.Unpack(drop)
    assert drop.mutations.request_mutations[0].remove == HEADER
