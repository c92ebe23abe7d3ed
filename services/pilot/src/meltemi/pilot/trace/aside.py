"""What happens to a request beside its way: faults that are made, and copies.

Source: envoy/extensions/filters/http/fault/v3/fault.proto and RequestMirrorPolicy of
envoy/config/route/v3/route_components.proto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault

from meltemi.pilot.trace.answer import Stage, Step
from meltemi.pilot.trace.resources import unpacked
from meltemi.pilot.trace.route import share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envoy.config.route.v3.route_components_pb2 import Route, RouteAction


def faults(found: Route) -> tuple[tuple[Step, ...], bool]:
    """Return what is done to requests of a route, and whether none gets further.

    A fault for a part of the requests is told and lets the rest pass.
    """
    steps: list[Step] = []
    ends = False
    for packed in found.typed_per_filter_config.values():
        fault = unpacked(packed, HTTPFault)
        if fault is None:
            continue
        if fault.HasField("delay"):
            part = share(fault.delay.percentage)
            seconds = fault.delay.fixed_delay.ToTimedelta().total_seconds()
            steps.append(_step(part, f"wait {seconds:g} s"))
        if fault.HasField("abort"):
            part = share(fault.abort.percentage)
            steps.append(_step(part, f"are answered with {_status(fault)}"))
            ends = ends or part >= 1
    return tuple(steps), ends


def copies(action: RouteAction) -> Iterator[Step]:
    """Yield where copies of a request go; nobody waits for their answers."""
    for policy in action.request_mirror_policies:
        part = 1.0
        if policy.HasField("runtime_fraction"):
            part = share(policy.runtime_fraction.default_value)
        yield Step(Stage.MIRROR, policy.cluster, f"{part:.4g} of the requests, copied")


def _step(part: float, what: str) -> Step:
    return Step(Stage.FAULT, "", f"{part:.4g} of the requests {what}")


def _status(fault: HTTPFault) -> str:
    if fault.abort.WhichOneof("error_type") == "grpc_status":
        return f"gRPC status {fault.abort.grpc_status}"
    return str(fault.abort.http_status)
