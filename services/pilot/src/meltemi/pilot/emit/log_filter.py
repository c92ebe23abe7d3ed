"""Which requests a logger is told of, as Envoy's AccessLogFilter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLogFilter,
    AndFilter,
    ExtensionFilter,
    HeaderFilter,
    LogTypeFilter,
    ResponseFlagFilter,
)
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from meltemi.pilot.emit.wire import packed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot import ir


def condition(only: ir.LogFilter) -> AccessLogFilter | None:
    """Return ``only`` in Envoy's words; None where everything is told."""
    found = list(_conditions(only))
    if len(found) > 1:
        return AccessLogFilter(and_filter=AndFilter(filters=found))
    return found[0] if found else None


def _conditions(only: ir.LogFilter) -> Iterator[AccessLogFilter]:
    if only.flags:
        flags = ResponseFlagFilter(flags=only.flags)
        yield AccessLogFilter(response_flag_filter=flags)
    if only.expression:
        cel = packed(ExpressionFilter(expression=only.expression))
        extension = ExtensionFilter(
            name="envoy.access_loggers.extension_filters.cel", typed_config=cel
        )
        yield AccessLogFilter(extension_filter=extension)
    if only.moments:
        moments = LogTypeFilter(types=only.moments)
        yield AccessLogFilter(log_type_filter=moments)
    if only.grpc is not None:
        header = HeaderMatcher(
            name="content-type",
            string_match=StringMatcher(prefix="application/grpc"),
            invert_match=not only.grpc,
            treat_missing_header_as_empty=True,
        )
        yield AccessLogFilter(header_filter=HeaderFilter(header=header))
