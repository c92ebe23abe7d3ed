"""Filters that enforce policies, in the order they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from meltemi.pilot.emit.external_check import http_check, network_check
from meltemi.pilot.emit.rbac import http_access, network_access
from meltemi.pilot.emit.token import token_filter
from meltemi.pilot.ir import external_check, rbac, token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envoy.config.listener.v3.listener_components_pb2 import Filter
    from envoy.extensions.filters.network.http_connection_manager.v3 import (
        http_connection_manager_pb2 as hcm,
    )

NetworkPolicy = rbac.AccessFilter | external_check.CheckFilter
HttpPolicy = NetworkPolicy | token.TokenFilter


def http_policies(filters: Iterable[HttpPolicy]) -> list[hcm.HttpFilter]:
    """Return filters that judge requests."""
    return [_http(each) for each in filters]


def network_policies(filters: Iterable[NetworkPolicy]) -> list[Filter]:
    """Return filters that judge connections."""
    return [
        network_access(each)
        if isinstance(each, rbac.AccessFilter)
        else network_check(each)
        for each in filters
    ]


def _http(made: HttpPolicy) -> hcm.HttpFilter:
    match made:
        case rbac.AccessFilter():
            return http_access(made)
        case external_check.CheckFilter():
            return http_check(made)
        case token.TokenFilter():
            return token_filter(made)
        case never:
            assert_never(never)
