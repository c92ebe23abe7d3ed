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
CHECKED = "proxy.istio.io/health-checks-enabled"
"""Istio's annotation for an entry that is called only while it is found to be well."""
HEALTHY = "proxy.meltemi.io/healthy"
"""Ours for what was found, ``True`` or ``False``: Istio's condition ``Healthy``."""


def entry_path(settings: AgentSettings) -> str:
    """Return the entry's path below Galley's address."""
    return (
        f"/apis/{GROUP_VERSION}/namespaces/{settings.namespace}"
        f"/workloadentries/{settings.name}"
    )


def group_path(settings: AgentSettings) -> str:
    """Return the path of the workload's group below Galley's address."""
    return (
        f"/apis/{GROUP_VERSION}/namespaces/{settings.namespace}"
        f"/workloadgroups/{settings.group}"
    )


def health_patch(*, well: bool | None) -> bytes:
    """Return the merge patch (RFC 7396) that says of an entry what was found.

    None: nobody looks.
    """
    nothing: dict[str, str | None] = {CHECKED: None, HEALTHY: None}
    found = {**nothing, **_health(well=well)}
    return msgspec.json.encode({"metadata": {"annotations": found}})


def _health(*, well: bool | None) -> dict[str, str]:
    return {} if well is None else {CHECKED: "true", HEALTHY: str(well)}


def entry_body(settings: AgentSettings, *, well: bool | None = None) -> bytes:
    """Return the entry as JSON; ``well`` is as for `health_patch`."""
    group = {GROUP: settings.group} if settings.group else {}
    return msgspec.json.encode(
        {
            "apiVersion": GROUP_VERSION,
            "kind": "WorkloadEntry",
            "metadata": {
                "name": settings.name,
                "namespace": settings.namespace,
                "labels": settings.labels,
                "annotations": {
                    SIGN: str(settings.identity),
                    **group,
                    **_health(well=well),
                },
            },
            "spec": {
                "address": settings.instance_ip,
                "ports": settings.entry_ports,
                "labels": settings.labels,
                "serviceAccount": settings.service_account,
            },
        }
    )
