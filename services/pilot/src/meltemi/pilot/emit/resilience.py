"""Retries, mirrors and hash policies of a route."""

from __future__ import annotations

from typing import assert_never

from envoy.config.core.v3.base_pb2 import RuntimeFractionalPercent
from envoy.config.route.v3.route_components_pb2 import RetryPolicy, RouteAction
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import (
    PreviousHostsPredicate,
)
from envoy.extensions.retry.priority.previous_priorities.v3.previous_priorities_config_pb2 import (  # noqa: E501 - Envoy's name
    PreviousPrioritiesConfig,
)
from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from meltemi.pilot import ir
from meltemi.pilot.emit.wire import duration, optional_duration, packed


def share(millionths: int) -> RuntimeFractionalPercent:
    """Return that share of the traffic."""
    return RuntimeFractionalPercent(default_value=fraction(millionths))


def fraction(millionths: int) -> FractionalPercent:
    """Return a fraction with Envoy's finest denominator."""
    return FractionalPercent(
        numerator=millionths, denominator=FractionalPercent.MILLION
    )


def retry_policy(retries: ir.Retries) -> RetryPolicy:
    """Return when and how often to try again, somewhere else if possible."""
    result = RetryPolicy(
        retry_on=retries.on,
        num_retries=UInt32Value(value=retries.attempts),
        retriable_status_codes=retries.statuses,
        per_try_timeout=optional_duration(retries.per_try_timeout),
    )
    if retries.backoff is not None:
        result.retry_back_off.base_interval.CopyFrom(duration(retries.backoff))
    if retries.other_host_attempts:
        result.host_selection_retry_max_attempts = retries.other_host_attempts
    if retries.avoid_previous_hosts:
        result.retry_host_predicate.add(
            name="envoy.retry_host_predicates.previous_hosts",
            typed_config=packed(PreviousHostsPredicate()),
        )
    if retries.other_localities:
        result.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        result.retry_priority.typed_config.CopyFrom(
            packed(PreviousPrioritiesConfig(update_frequency=2))
        )
    return result


def mirror(copy: ir.Mirror) -> RouteAction.RequestMirrorPolicy:
    """Return "also send a share of the requests there"."""
    return RouteAction.RequestMirrorPolicy(
        cluster=copy.cluster,
        runtime_fraction=share(copy.millionths),
        trace_sampled=BoolValue(value=False),
        disable_shadow_host_suffix_append=True,
    )


def hash_policy(policy: ir.HashPolicy) -> RouteAction.HashPolicy:
    """Return one input of the hash that picks an endpoint."""
    result = RouteAction.HashPolicy()
    match policy.on:
        case ir.HashOn.HEADER:
            result.header.header_name = policy.name
        case ir.HashOn.QUERY:
            result.query_parameter.name = policy.name
        case ir.HashOn.SOURCE_IP:
            result.connection_properties.source_ip = True
        case ir.HashOn.COOKIE:
            result.cookie.name = policy.name
            result.cookie.path = policy.path
            if policy.ttl is not None:
                result.cookie.ttl.CopyFrom(duration(policy.ttl))
            for name, value in policy.attributes:
                result.cookie.attributes.add(name=name, value=value)
        case never:
            assert_never(never)
    return result
