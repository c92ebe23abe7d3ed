"""Istio's labels and annotations: which of them mean something here, and which not.

Source:
    istio.io, "Resource Annotations" and "Resource Labels".
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from meltemi.config.proxy_annotation import ANNOTATION as PROXY_CONFIG
from meltemi.config.rules.problem import warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding

INJECT: Final = "sidecar.istio.io/inject"
REVISION: Final = "istio.io/rev"
CANONICAL_NAME: Final = "service.istio.io/canonical-name"
CANONICAL_REVISION: Final = "service.istio.io/canonical-revision"
WORKLOAD_NAME: Final = "service.istio.io/workload-name"
TLS_MODE: Final = "security.istio.io/tlsMode"
STATUS: Final = "sidecar.istio.io/status"
STATUS_PORT: Final = "status.sidecar.istio.io/port"
MODE: Final = "sidecar.istio.io/interceptionMode"
LOG_LEVEL: Final = "sidecar.istio.io/logLevel"
IMAGE: Final = "sidecar.istio.io/proxyImage"
STATS_PREFIXES: Final = "sidecar.istio.io/statsInclusionPrefixes"
STATS_SUFFIXES: Final = "sidecar.istio.io/statsInclusionSuffixes"
STATS_REGEXPS: Final = "sidecar.istio.io/statsInclusionRegexps"
CPU: Final = "sidecar.istio.io/proxyCPU"
CPU_LIMIT: Final = "sidecar.istio.io/proxyCPULimit"
MEMORY: Final = "sidecar.istio.io/proxyMemory"
MEMORY_LIMIT: Final = "sidecar.istio.io/proxyMemoryLimit"
REWRITE_PROBES: Final = "sidecar.istio.io/rewriteAppHTTPProbers"
NATIVE: Final = "sidecar.istio.io/nativeSidecar"
MERGE_METRICS: Final = "prometheus.istio.io/merge-metrics"
TRAFFIC: Final = "traffic.sidecar.istio.io/"
INCLUDE_INBOUND_PORTS: Final = f"{TRAFFIC}includeInboundPorts"
EXCLUDE_INBOUND_PORTS: Final = f"{TRAFFIC}excludeInboundPorts"
INCLUDE_OUTBOUND_PORTS: Final = f"{TRAFFIC}includeOutboundPorts"
EXCLUDE_OUTBOUND_PORTS: Final = f"{TRAFFIC}excludeOutboundPorts"
INCLUDE_RANGES: Final = f"{TRAFFIC}includeOutboundIPRanges"
EXCLUDE_RANGES: Final = f"{TRAFFIC}excludeOutboundIPRanges"
EXCLUDE_INTERFACES: Final = f"{TRAFFIC}excludeInterfaces"
VIRTUAL_INTERFACES: Final = "istio.io/reroute-virtual-interfaces"

ACTED_ON: Final = frozenset(
    {
        *(INJECT, REVISION, STATUS, STATUS_PORT, MODE, LOG_LEVEL, IMAGE),
        *(CPU, CPU_LIMIT, MEMORY, MEMORY_LIMIT, PROXY_CONFIG),
        *(STATS_PREFIXES, STATS_SUFFIXES, STATS_REGEXPS),
        *(INCLUDE_INBOUND_PORTS, EXCLUDE_INBOUND_PORTS),
        *(INCLUDE_OUTBOUND_PORTS, EXCLUDE_OUTBOUND_PORTS),
        *(INCLUDE_RANGES, EXCLUDE_RANGES, EXCLUDE_INTERFACES, VIRTUAL_INTERFACES),
    }
)
"""What changes a sidecar, in every form of description."""
LABELS: Final = frozenset(
    {
        *(CANONICAL_NAME, CANONICAL_REVISION, WORKLOAD_NAME, TLS_MODE),
        *(INJECT, REVISION),
        *("topology.istio.io/network", "topology.istio.io/cluster"),
        *("topology.istio.io/subzone", "istio-locality"),
    }
)
"""What the workload carries as labels, for Pilot to read."""
OF_PODS: Final = frozenset({REWRITE_PROBES, NATIVE, MERGE_METRICS})
"""What only the webhook can do."""

NO_PLACE: Final = "there is no such thing outside of Kubernetes"
NOT_HERE: Final = "it is not passed on to the agent"
ELSEWHERE: Final = "it says something of services or gateways, not of a workload"
WITHOUT_EFFECT: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "sidecar.istio.io/statsHistogramBuckets",
                "sidecar.istio.io/statsCompression",
                "sidecar.istio.io/extraStatTags",
                "sidecar.istio.io/agentLogLevel",
                "sidecar.istio.io/componentLogLevel",
                "sidecar.istio.io/bootstrapOverride",
                "sidecar.istio.io/enableCoreDump",
                "sidecar.istio.io/proxyImageType",
                "sidecar.istio.io/discoveryAddress",
                "sidecar.istio.io/controlPlaneAuthPolicy",
                "proxy.istio.io/overrides",
                "readiness.status.sidecar.istio.io/applicationPorts",
                "readiness.status.sidecar.istio.io/failureThreshold",
                "readiness.status.sidecar.istio.io/initialDelaySeconds",
                "readiness.status.sidecar.istio.io/periodSeconds",
            ),
            NOT_HERE,
        ),
        **dict.fromkeys(
            (
                "sidecar.istio.io/userVolume",
                "sidecar.istio.io/userVolumeMount",
                "inject.istio.io/templates",
                "ambient.istio.io/redirection",
                "ambient.istio.io/bypass-inbound-capture",
                "ambient.istio.io/dns-capture",
                "istio.io/dataplane-mode",
                "istio.io/use-waypoint",
                "istio.io/use-waypoint-namespace",
                "istio.io/waypoint-for",
                "install.operator.istio.io/chart-owner",
                "install.operator.istio.io/owner-generation",
                "install.operator.istio.io/version",
                "topology.istio.io/controlPlaneClusters",
                "alpha.istio.io/kubernetes-serviceaccounts",
                "alpha.istio.io/canonical-serviceaccounts",
                "alpha.istio.io/identity",
                "kubernetes.istio.io/serviceaccounts",
            ),
            NO_PLACE,
        ),
        **dict.fromkeys(
            (
                "networking.istio.io/exportTo",
                "networking.istio.io/serviceType",
                "networking.istio.io/address-type",
                "networking.istio.io/traffic-distribution",
                "networking.istio.io/gatewayPort",
                "networking.istio.io/tunnel",
                "gateway.istio.io/service-account",
                "gateway.istio.io/name-override",
                "istio.io/autoRegistrationGroup",
                "istio.io/workloadController",
                "istio.io/connectedAt",
                "istio.io/disconnectedAt",
                "istio.io/dry-run",
                "istio.io/tag",
                "galley.istio.io/analyze-suppress",
                "security.istio.io/autoMTLS",
            ),
            ELSEWHERE,
        ),
    }
)
"""What Istio knows, and why it does nothing here."""
OF_ISTIO: Final = re.compile(r"(?:[a-z0-9.-]+\.)?istio\.io/.*|istio-locality")


def is_annotation(key: str) -> bool:
    """Tell whether ``key`` speaks to the injector, and not to those who select."""
    return key not in LABELS and OF_ISTIO.fullmatch(key) is not None


def without_effect(said: Mapping[str, str], acted: frozenset[str]) -> Iterator[Finding]:
    """Yield a finding for each of Istio's words in ``said`` that changes nothing.

    ``acted`` are those that the form of description can act on, beside `LABELS`.
    """
    for key in said:
        if not OF_ISTIO.fullmatch(key) or key in acted or key in LABELS:
            continue
        path = f'labels["{key}"]'
        why = WITHOUT_EFFECT.get(key, NO_PLACE if key in OF_PODS else "")
        if why:
            yield warning(path, f"has no effect: {why}", "remove it", code="NO_EFFECT")
        else:
            hint = "look for a misspelling"
            yield warning(path, "Istio knows no such word", hint, code="IST0108")
