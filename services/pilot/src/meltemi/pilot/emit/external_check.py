"""Services that are asked first, as Envoy's ext_authz filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import HeaderValue
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2 as http
from envoy.extensions.filters.network.ext_authz.v3.ext_authz_pb2 import (
    ExtAuthz as NetworkCheck,
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.string_pb2 import ListStringMatcher, StringMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher
from envoy.type.v3.http_status_pb2 import HttpStatus, StatusCode

from meltemi.pilot.emit.rbac import HTTP_FILTER, NETWORK_FILTER, STATISTICS, text
from meltemi.pilot.emit.wire import duration, packed

if TYPE_CHECKING:
    from meltemi.pilot.ir import external_check, rbac

HTTP_CHECK = "envoy.filters.http.ext_authz"
NETWORK_CHECK = "envoy.filters.network.ext_authz"
MATCHED = "istio_ext_authz_shadow_effective_policy_id"
"""Where the access filter before notes which of its shadow rules matched."""


def http_check(made: external_check.CheckFilter) -> hcm.HttpFilter:
    """Return the filter that asks about requests."""
    check = made.check
    config = http.ExtAuthz(
        failure_mode_allow=check.allow_on_error,
        transport_api_version=ApiVersion.V3,
        filter_enabled_metadata=_matched(HTTP_FILTER, made.matched_prefix),
        clear_route_cache=check.clear_route_cache,
    )
    if check.status_on_error is not None:
        name = StatusCode.Name(check.status_on_error)
        config.status_on_error.CopyFrom(HttpStatus(code=name))
    if check.body is not None:
        config.with_request_body.CopyFrom(
            http.BufferSettings(
                max_request_bytes=check.body.most_bytes,
                allow_partial_message=check.body.partial,
                pack_as_bytes=check.body.as_bytes,
            )
        )
    if check.http is None:
        config.grpc_service.CopyFrom(_grpc(check))
    else:
        config.http_service.CopyFrom(_http(check, check.http))
        if check.http.sent:
            config.allowed_headers.CopyFrom(_names(check.http.sent))
    return hcm.HttpFilter(name=HTTP_CHECK, typed_config=packed(config))


def network_check(made: external_check.CheckFilter) -> Filter:
    """Return the filter that asks about connections, over gRPC."""
    config = NetworkCheck(
        stat_prefix=STATISTICS,
        failure_mode_allow=made.check.allow_on_error,
        transport_api_version=ApiVersion.V3,
        filter_enabled_metadata=_matched(NETWORK_FILTER, made.matched_prefix),
        grpc_service=_grpc(made.check),
    )
    return Filter(name=NETWORK_CHECK, typed_config=packed(config))


def _grpc(check: external_check.ExternalCheck) -> GrpcService:
    target = GrpcService.EnvoyGrpc(cluster_name=check.cluster, authority=check.host)
    return GrpcService(envoy_grpc=target, timeout=duration(check.timeout))


def _http(
    check: external_check.ExternalCheck, made: external_check.HttpCheck
) -> http.HttpService:
    result = http.HttpService(
        path_prefix=made.path_prefix,
        server_uri=HttpUri(
            uri=f"http://{check.host}",  # required, and not used
            cluster=check.cluster,
            timeout=duration(check.timeout),
        ),
    )
    if made.added:
        headers = [HeaderValue(key=name, value=value) for name, value in made.added]
        result.authorization_request.headers_to_add.extend(headers)
    answer = result.authorization_response
    if made.upstream:
        answer.allowed_upstream_headers.CopyFrom(_names(made.upstream))
    if made.refused:
        answer.allowed_client_headers.CopyFrom(_names(made.refused))
    if made.allowed:
        answer.allowed_client_headers_on_success.CopyFrom(_names(made.allowed))
    return result


def _names(made: tuple[rbac.Text, ...]) -> ListStringMatcher:
    return ListStringMatcher(patterns=[text(each) for each in made])


def _matched(access_filter: str, prefix: str) -> MetadataMatcher:
    return MetadataMatcher(
        filter=access_filter,
        path=[MetadataMatcher.PathSegment(key=MATCHED)],
        value=ValueMatcher(string_match=StringMatcher(prefix=prefix)),
    )
