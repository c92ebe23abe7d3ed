"""DestinationRules: whom they trust, and whether anybody is there.

Source: pkg/config/analysis/analyzers/destinationrule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, remark
from meltemi.config.analysis.world import World, full_host, selects, subject
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.traffic_policy import ClientTLSMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.analysis.remark import Remark
    from meltemi.config.resource import Resource
    from meltemi.config.schema.traffic_policy import ClientTLSSettings

UNVERIFIED = Message(
    "IST0128",
    Level.WARNING,
    "DestinationRule %s in namespace %s has TLS mode set to %s but no caCertificates "
    "are set to validate server identity for host: %s",
)
UNVERIFIED_PORT = Message(
    "IST0129",
    Level.WARNING,
    "DestinationRule %s in namespace %s has TLS mode set to %s but no caCertificates "
    "are set to validate server identity for host: %s at port %s",
)
EMPTY_SUBSET = Message(
    "IST0173",
    Level.ERROR,
    "The Subset %s defined in the DestinationRule does not select any pods. Which may "
    "lead to 503 UH (NoHealthyUpstream).",
)
UNKNOWN_HOST = Message(
    "IST0174",
    Level.WARNING,
    "The host %s defined in the DestinationRule does not match any services in the "
    "mesh.",
)
VERIFYING = (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL)
TOPOLOGY = ("topology.kubernetes.io/", "topology.istio.io/")
"""Labels that come from the node a workload runs on, not from the workload."""


def unverified_servers(world: World) -> Iterator[Remark]:
    """Yield a remark a TLS setting that takes any server's word for who it is."""
    for rule in world.of(DestinationRule):
        metadata, policy = rule.metadata, rule.spec.traffic_policy
        if policy is None:
            continue
        about = (metadata.name, metadata.namespace)
        if _trusts_anybody(rule, policy.tls):
            mode = policy.tls.mode if policy.tls else ""
            yield remark(
                UNVERIFIED,
                subject(rule),
                *about,
                mode,
                rule.spec.host,
                path="spec.trafficPolicy.tls",
            )
        for number, setting in enumerate(policy.port_level_settings):
            if _trusts_anybody(rule, setting.tls):
                port = setting.port.number if setting.port else ""
                yield remark(
                    UNVERIFIED_PORT,
                    subject(rule),
                    *about,
                    setting.tls.mode if setting.tls else "",
                    rule.spec.host,
                    port,
                    path=f"spec.trafficPolicy.portLevelSettings[{number}].tls",
                )


def absent_destinations(world: World) -> Iterator[Remark]:
    """Yield a remark a host that nobody is, and a subset that selects nobody."""
    hosts = world.hosts()
    for rule in world.of(DestinationRule):
        host = full_host(rule.spec.host, rule.metadata.namespace)
        if not any(_covers(host, known) for known in hosts):
            path = "spec.host"
            yield remark(UNKNOWN_HOST, subject(rule), rule.spec.host, path=path)
            continue
        candidates = list(_candidates(world, host))
        if not candidates:
            continue  # its endpoints are not listed here: nothing can be said
        for number, subset in enumerate(rule.spec.subsets):
            own = {
                name: value
                for name, value in subset.labels.items()
                if not name.startswith(TOPOLOGY)
            }
            if not any(selects(own, labels) for labels in candidates):
                path = f"spec.subsets[{number}]"
                yield remark(EMPTY_SUBSET, subject(rule), subset.name, path=path)


def _trusts_anybody(
    rule: Resource[DestinationRule], tls: ClientTLSSettings | None
) -> bool:
    """Tell whether nothing says which servers to believe.

    A credential counts only where a selector says whose proxies hold it.
    """
    if tls is None or tls.mode not in VERIFYING or tls.ca_certificates:
        return False
    if tls.insecure_skip_verify:
        return False
    return not (tls.credential_name and rule.spec.workload_selector)


def _candidates(world: World, host: str) -> Iterator[Mapping[str, str]]:
    """Yield the labels of the workloads behind ``host``."""
    for service in world.services:
        metadata = service.metadata
        name = full_host(metadata.name, metadata.namespace)
        if not _covers(host, name) or not service.spec.selector:
            continue
        yield from _selected(world, metadata.namespace, service.spec.selector)
    for entry in world.of(ServiceEntry):
        if not any(_covers(host, each) for each in entry.spec.hosts):
            continue
        yield from (each.labels for each in entry.spec.endpoints)
        if entry.spec.workload_selector:
            selector = entry.spec.workload_selector.labels
            yield from _selected(world, entry.metadata.namespace, selector)


def _selected(
    world: World, namespace: str, selector: Mapping[str, str]
) -> Iterator[Mapping[str, str]]:
    for home, labels in world.workloads():
        if home == namespace and selects(selector, labels):
            yield labels


def _covers(pattern: str, host: str) -> bool:
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    return pattern == host or (host.startswith("*") and pattern.endswith(host[1:]))
