"""How endpoints are spoken to in HTTP, in Envoy's words."""

from __future__ import annotations

from typing import assert_never

from envoy.config.common.matcher.v3.matcher_pb2 import MatchPredicate
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.protocol_pb2 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    KeepaliveSettings,
    UpstreamHttpProtocolOptions,
)
from envoy.config.core.v3.protocol_pb2 import (
    HttpProtocolOptions as CommonOptions,
)
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2 import (
    PreserveCaseFormatterConfig,
)
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import (
    HttpProtocolOptions,
)
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from meltemi.pilot import ir
from meltemi.pilot.emit.peer import withholding
from meltemi.pilot.emit.wire import optional_duration, optional_uint, packed


def http_options(options: ir.HttpOptions) -> HttpProtocolOptions:
    """Return ``options`` in Envoy's words."""
    result = HttpProtocolOptions()
    common = CommonOptions(
        idle_timeout=optional_duration(options.idle_timeout),
        max_connection_duration=optional_duration(options.max_duration),
        max_requests_per_connection=optional_uint(
            options.max_requests_per_connection or None
        ),
    )
    if common.ListFields() or options.max_concurrent_streams:
        result.common_http_protocol_options.CopyFrom(common)
    if options.server_name_from_host:
        result.upstream_http_protocol_options.CopyFrom(
            UpstreamHttpProtocolOptions(
                auto_sni=True, auto_san_validation=options.verify_host
            )
        )
    _speak(result, options)
    _count(result, options.error_codes)
    if options.strange:
        result.http_filters.extend(withholding())
    return result


def _speak(result: HttpProtocolOptions, options: ir.HttpOptions) -> None:
    http1, http2 = _http1(options), _http2(options)
    match options.version:
        case ir.HttpVersion.HTTP1:
            result.explicit_http_config.http_protocol_options.CopyFrom(http1)
        case ir.HttpVersion.HTTP2:
            result.explicit_http_config.http2_protocol_options.CopyFrom(http2)
        case ir.HttpVersion.AS_CALLER:
            caller = result.use_downstream_protocol_config
            caller.http_protocol_options.CopyFrom(http1)
            http2.ClearField("max_concurrent_streams")
            caller.http2_protocol_options.CopyFrom(http2)
        case never:
            assert_never(never)


def _http1(options: ir.HttpOptions) -> Http1ProtocolOptions:
    result = Http1ProtocolOptions()
    if options.keep_header_case:
        result.header_key_format.stateful_formatter.CopyFrom(KEEP_CASE)
    return result


def _http2(options: ir.HttpOptions) -> Http2ProtocolOptions:
    result = Http2ProtocolOptions(
        max_concurrent_streams=optional_uint(options.max_concurrent_streams or None)
    )
    if options.keepalive_interval is not None:
        result.connection_keepalive.CopyFrom(
            KeepaliveSettings(
                interval=optional_duration(options.keepalive_interval),
                timeout=optional_duration(options.keepalive_timeout),
            )
        )
    return result


def _count(result: HttpProtocolOptions, codes: tuple[int, ...]) -> None:
    """Say which statuses count as errors; Envoy counts those of 500 and more."""
    if not codes:
        return
    rules = [_predicate(code) for code in codes]
    matcher = result.outlier_detection.error_matcher
    if len(rules) == 1:
        matcher.CopyFrom(rules[0])
    else:
        matcher.or_match.rules.extend(rules)


def _predicate(code: int) -> MatchPredicate:
    result = MatchPredicate()
    result.http_response_headers_match.headers.append(_status(code))
    return result


def _status(code: int) -> HeaderMatcher:
    return HeaderMatcher(name=":status", string_match=StringMatcher(exact=str(code)))


KEEP_CASE = TypedExtensionConfig(
    name="preserve_case", typed_config=packed(PreserveCaseFormatterConfig())
)
