"""Which policies hold for a workload.

Source: pilot/pkg/model/policyattachment.go and authorization.go: those of the root
namespace first, then those of the workload's; a selector must match; what is attached
to a Kubernetes Gateway holds for its proxies only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from meltemi.config.schema.authorization_policy import AuthorizationPolicy
from meltemi.config.schema.request_authentication import RequestAuthentication
from meltemi.config.schema.traffic_extension import TrafficExtension
from meltemi.config.schema.wasm_plugin import WasmPlugin
from meltemi.pilot.model.service import selects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.target import PolicyTargetReference

P = TypeVar(
    "P", AuthorizationPolicy, RequestAuthentication, TrafficExtension, WasmPlugin
)

Selecting = AuthorizationPolicy | RequestAuthentication | TrafficExtension | WasmPlugin

GATEWAY_LABEL = "gateway.networking.k8s.io/gateway-name"
"""Names the Kubernetes Gateway that a proxy was made for."""
GATEWAY = ("gateway.networking.k8s.io", "Gateway")


def policies(
    every: Iterable[Resource[P]],
    *,
    root_namespace: str,
    namespace: str,
    labels: Mapping[str, str],
) -> tuple[Resource[P], ...]:
    """Return the policies for a workload: the root's first, then its namespace's.

    Args:
        every: All of one kind, oldest first; that order is kept within a namespace.
        root_namespace: Where policies for the whole mesh live.
        namespace: The workload's.
        labels: The workload's.

    """
    homes = dict.fromkeys((root_namespace, namespace))
    found: dict[str, list[Resource[P]]] = {home: [] for home in homes}
    for each in every:
        home = each.metadata.namespace
        if home in found and _holds(each.spec, labels, at_home=home == namespace):
            found[home].append(each)
    return tuple(each for home in homes for each in found[home])


def _holds(
    spec: Selecting,
    labels: Mapping[str, str],
    *,
    at_home: bool,
) -> bool:
    targets = _targets(spec)
    if targets:
        wanted = (*GATEWAY, labels.get(GATEWAY_LABEL))
        named = {(each.group, each.kind, each.name) for each in targets}
        return at_home and wanted in named
    return spec.selector is None or selects(spec.selector.match_labels, labels)


def _targets(
    spec: Selecting,
) -> tuple[PolicyTargetReference, ...]:
    if isinstance(spec, TrafficExtension):
        return spec.target_refs
    return spec.target_refs or ((spec.target_ref,) if spec.target_ref else ())
