"""The workload's own WorkloadEntry, as Galley takes it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from meltemi.proxy.settings import AgentSettings

GROUP_VERSION = "networking.istio.io/v1"
GROUP = "istio.io/autoRegistrationGroup"
"""Istio's annotation for the WorkloadGroup of an entry."""
SIGN = "istio.io/workloadController"
"""Istio's annotation for who keeps an entry: here the workload's own identity."""


def entry_path(settings: AgentSettings) -> str:
    """Return the entry's path below Galley's address."""
    return (
        f"/apis/{GROUP_VERSION}/namespaces/{settings.namespace}"
        f"/workloadentries/{settings.name}"
    )


def entry_body(settings: AgentSettings) -> bytes:
    """Return the entry as JSON."""
    group = {GROUP: settings.group} if settings.group else {}
    return msgspec.json.encode(
        {
            "apiVersion": GROUP_VERSION,
            "kind": "WorkloadEntry",
            "metadata": {
                "name": settings.name,
                "namespace": settings.namespace,
                "labels": settings.labels,
                "annotations": {SIGN: str(settings.identity), **group},
            },
            "spec": {
                "address": settings.instance_ip,
                "ports": settings.entry_ports,
                "labels": settings.labels,
                "serviceAccount": settings.service_account,
            },
        }
    )
