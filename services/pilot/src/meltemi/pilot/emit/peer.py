"""How proxies tell each other who they are, where neither is known by its address.

Envoy lacks Istio's filters that exchange metadata. A client puts them into a header
where requests come in; clusters that are not of the mesh take it out again, as filters
of their own. A server takes it out, too, and believes it where the client showed a
certificate. So no cluster of the mesh says whose it is: all proxies share them.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, assert_never

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import (
    HeaderMutation as HeaderMutationFilter,
)
from envoy.extensions.filters.http.header_to_metadata.v3.header_to_metadata_pb2 import (
    Config as HeaderToMetadata,
)
from envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2 import (
    UpstreamCodec,
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.struct_pb2 import Struct, Value

from meltemi.pilot import ir
from meltemi.pilot.emit.wire import packed, serialized

if TYPE_CHECKING:
    from google.protobuf.message import Message

FILTER = "meltemi.peer_metadata"
HEADER = "x-envoy-peer-metadata"
"""Istio's name for it, so that what strips it at an edge strips ours too."""
NAMESPACE = "meltemi.peer"


def introducing(caller: tuple[tuple[str, str], ...]) -> hcm.HttpFilter:
    """Return the filter that tells whoever is called of ``caller``."""
    held = Struct()
    held.update(dict(caller))
    text = base64.b64encode(serialized(Value(struct_value=held))).decode()
    added = HeaderMutation(
        append=HeaderValueOption(
            header=HeaderValue(key=HEADER, value=text),
            append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
        )
    )
    return _named(FILTER, _mutating(added))


def withholding() -> list[hcm.HttpFilter]:
    """Return the filters of a cluster whose servers are not told of callers."""
    codec = "envoy.filters.http.upstream_codec"
    dropped = _mutating(HeaderMutation(remove=HEADER))
    return [_named(FILTER, dropped), _named(codec, UpstreamCodec())]


def peer_header(made: ir.PeerHeader) -> hcm.HttpFilter:
    """Return the filter that takes the header out of requests."""
    match made:
        case ir.PeerHeader.DROP:
            return _named(FILTER, _mutating(HeaderMutation(remove=HEADER)))
        case ir.PeerHeader.READ:
            noted = HeaderToMetadata.KeyValuePair(
                metadata_namespace=NAMESPACE,
                key="peer",
                type=HeaderToMetadata.PROTOBUF_VALUE,
                encode=HeaderToMetadata.BASE64,
            )
            rule = HeaderToMetadata.Rule(
                header=HEADER, on_header_present=noted, remove=True
            )
            return _named(FILTER, HeaderToMetadata(request_rules=[rule]))
        case never:
            assert_never(never)


def _mutating(mutation: HeaderMutation) -> Message:
    result = HeaderMutationFilter()
    result.mutations.request_mutations.append(mutation)
    return result


def _named(name: str, config: Message) -> hcm.HttpFilter:
    return hcm.HttpFilter(name=name, typed_config=packed(config))
