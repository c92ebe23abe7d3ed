"""What one route asks of the HTTP filters that stand before the router."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.extensions.filters.common.fault.v3.fault_pb2 import FaultDelay
from envoy.extensions.filters.http.cors.v3.cors_pb2 import CorsPolicy
from envoy.extensions.filters.http.fault.v3.fault_pb2 import FaultAbort, HTTPFault
from google.protobuf.wrappers_pb2 import BoolValue

from meltemi.pilot.emit.match import string
from meltemi.pilot.emit.resilience import fraction, share
from meltemi.pilot.emit.wire import duration

if TYPE_CHECKING:
    from meltemi.pilot import ir

ALL = 1_000_000
"""Every request, in millionths."""


def fault(made: ir.Fault) -> HTTPFault:
    """Return the failures to cause."""
    result = HTTPFault()
    if made.delay is not None:
        result.delay.CopyFrom(
            FaultDelay(
                fixed_delay=duration(made.delay.fixed),
                percentage=fraction(made.delay.millionths),
            )
        )
    if made.abort is not None:
        abort = FaultAbort(percentage=fraction(made.abort.millionths))
        if made.abort.grpc_status is not None:
            abort.grpc_status = made.abort.grpc_status
        else:
            abort.http_status = made.abort.http_status
        result.abort.CopyFrom(abort)
    return result


def cors(policy: ir.Cors) -> CorsPolicy:
    """Return who may call from a browser's page of another site."""
    result = CorsPolicy(
        allow_origin_string_match=[string(each) for each in policy.origins],
        allow_methods=",".join(policy.methods),
        allow_headers=",".join(policy.headers),
        expose_headers=",".join(policy.expose),
        max_age="" if policy.max_age is None else str(policy.max_age),
        filter_enabled=share(ALL),
        forward_not_matching_preflights=BoolValue(
            value=policy.forward_unmatched_preflights
        ),
    )
    if policy.credentials is not None:
        result.allow_credentials.CopyFrom(BoolValue(value=policy.credentials))
    return result
