"""What looks at a connection before a filter chain is chosen, as Envoy's filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.listener.v3.listener_components_pb2 import (
    ListenerFilter,
)
from envoy.config.listener.v3.listener_components_pb2 import (
    ListenerFilterChainMatchPredicate as Predicate,
)
from envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2 import (
    HttpInspector,
)
from envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2 import (
    OriginalDst,
)
from envoy.extensions.filters.listener.original_src.v3.original_src_pb2 import (
    OriginalSrc,
)
from envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2 import (
    ProxyProtocol,
)
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import (
    TlsInspector,
)
from envoy.type.v3.range_pb2 import Int32Range
from google.protobuf.wrappers_pb2 import UInt32Value

from meltemi.pilot.emit.wire import packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message

    from meltemi.pilot import ir

FIRST_READ = 512
"""Bytes to read of a TLS hello at first, as Istio does."""
MARK = 1337
"""The mark of connections that keep the client's address: capture lets them pass."""


def listener_filters(made: ir.Listener) -> list[ListenerFilter]:
    """Return the filters of ``made`` in the order they must run."""
    return list(_filters(made))


def _filters(made: ir.Listener) -> Iterator[ListenerFilter]:
    if made.find_destination:
        yield _named("original_dst", OriginalDst())
    if made.keep_source:
        yield _named("original_src", OriginalSrc(mark=MARK))
    if made.expect_proxy_protocol:
        yield _named("proxy_protocol", ProxyProtocol())
    if made.inspect_tls.anywhere:
        first = UInt32Value(value=FIRST_READ)
        inspector = TlsInspector(initial_read_buffer_size=first)
        yield _on(_named("tls_inspector", inspector), made.inspect_tls)
    if made.inspect_http.anywhere:
        yield _on(_named("http_inspector", HttpInspector()), made.inspect_http)


def _named(name: str, config: Message) -> ListenerFilter:
    return ListenerFilter(
        name=f"envoy.filters.listener.{name}", typed_config=packed(config)
    )


def _on(found: ListenerFilter, ports: ir.Inspection) -> ListenerFilter:
    """Return the filter, switched off on the ports where it is not needed."""
    if ports.on is not None:
        found.filter_disabled.not_match.CopyFrom(_any(ports.on))
    elif ports.off:
        found.filter_disabled.CopyFrom(_any(ports.off))
    return found


def _any(ports: Iterable[int]) -> Predicate:
    rules = [
        Predicate(destination_port_range=Int32Range(start=port, end=port + 1))
        for port in sorted(ports)
    ]
    if len(rules) == 1:
        return rules[0]
    return Predicate(or_match=Predicate.MatchSet(rules=rules))
