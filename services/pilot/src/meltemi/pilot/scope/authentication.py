"""Which PeerAuthentication holds for a workload.

Source: pilot/pkg/security/authn/policy_applier.go: workload over namespace over mesh,
the oldest of each, UNSET inherits, PERMISSIVE when nobody says anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.peer_authentication import (
    MutualTLSMode,
    PeerAuthentication,
)
from meltemi.pilot.model.service import selects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meltemi.config.resource import Resource

    Policy = Resource[PeerAuthentication]


def mutual_tls(
    policies: Sequence[Policy],
    *,
    root_namespace: str,
    namespace: str,
    labels: Mapping[str, str],
    port: int,
) -> MutualTLSMode:
    """Return the mode that holds on ``port`` of a workload; see `ruling`."""
    mode, _ = ruling(
        policies,
        root_namespace=root_namespace,
        namespace=namespace,
        labels=labels,
        port=port,
    )
    return mode


def ruling(
    policies: Sequence[Policy],
    *,
    root_namespace: str,
    namespace: str,
    labels: Mapping[str, str],
    port: int,
) -> tuple[MutualTLSMode, Policy | None]:
    """Return the mode that holds on ``port`` of a workload, and whose word it is.

    Nobody's where no policy says anything.

    Args:
        policies: All of them, oldest first.
        root_namespace: Where mesh-wide policies live.
        namespace: The workload's.
        labels: The workload's.
        port: Where the workload listens.

    """
    mode, whose = MutualTLSMode.PERMISSIVE, None
    for policy in _by_scope(policies, root_namespace, namespace, labels):
        words = [policy.spec.mtls.mode if policy.spec.mtls else None]
        ports = policy.spec.port_level_mtls or {}
        if policy.spec.selector and str(port) in ports:
            words.append(ports[str(port)].mode)
        for word in words:
            if word not in (None, MutualTLSMode.UNSET):
                mode, whose = word, policy
    return mode, whose


def named_ports(
    policies: Sequence[Policy],
    *,
    root_namespace: str,
    namespace: str,
    labels: Mapping[str, str],
) -> tuple[int, ...]:
    """Return the ports that policies of a workload name one by one, sorted."""
    found = _by_scope(policies, root_namespace, namespace, labels)
    return tuple(
        sorted(
            int(port)
            for policy in found
            if policy.spec.selector
            for port in policy.spec.port_level_mtls or {}
            if port.isdecimal()
        )
    )


def namespace_mode(
    policies: Sequence[Policy], root_namespace: str, namespace: str
) -> MutualTLSMode:
    """Return the mode that holds for a namespace, whatever single workloads say."""
    return mutual_tls(
        [each for each in policies if not each.spec.selector],
        root_namespace=root_namespace,
        namespace=namespace,
        labels={},
        port=0,
    )


def _by_scope(
    policies: Sequence[Policy],
    root_namespace: str,
    namespace: str,
    labels: Mapping[str, str],
) -> list[Policy]:
    """Return the policies that apply, widest first, at most one of each width."""
    chosen: dict[int, Policy] = {}
    for policy in policies:
        home, selector = policy.metadata.namespace, policy.spec.selector
        chosen_labels = selector.match_labels if selector else {}
        if not chosen_labels and home == root_namespace:
            chosen.setdefault(0, policy)
        elif home == namespace and not chosen_labels:
            chosen.setdefault(1, policy)
        elif home == namespace and selects(chosen_labels, labels):
            chosen.setdefault(2, policy)
    return [chosen[width] for width in sorted(chosen)]
