"""Objects that want the same thing, of which only one can have it: and which. Pure.

Source:
    Istio settles conflicts by creation time, then name, then namespace
    (pilot/pkg/model/config.go sortConfigByCreationTime). What is a conflict is what
    its analyzers say: IST0109, IST0145, IST0177; and what is lost when DestinationRules
    are merged (pilot/pkg/model/destination_rule.go).

"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.analysis.gateways import clash, spelled
from meltemi.config.analysis.world import full_host, seen_from
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.gateway import Gateway
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.virtual_service import VirtualService

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meltemi.config.resource import Metadata, Resource
    from meltemi.config.schema.message import Message
    from meltemi.kernel.names import Key

    Object = Resource[Message]

MESH: Final = "mesh"


@dataclass(frozen=True, slots=True)
class Conflict:
    """What an object and another both want."""

    rival: Key
    claim: str
    """In words that follow "it": ``routes host a, too``."""
    wins: bool
    """Whether the object has it, and not its rival."""


def conflicts(resource: Object, rivals: Iterable[Object]) -> tuple[Conflict, ...]:
    """Return what ``resource`` and each of ``rivals`` both want, the oldest first."""
    found = ((rival, claim) for rival in rivals for claim in _claims(resource, rival))
    return tuple(
        Conflict(rival.key, claim, age(resource.metadata) < age(rival.metadata))
        for rival, claim in sorted(found, key=lambda each: age(each[0].metadata))
    )


def age(metadata: Metadata) -> tuple[str, str, str]:
    """Return what objects are ordered by where the first one wins."""
    return metadata.creation_timestamp, metadata.name, metadata.namespace


def wanted(resource: Object) -> Iterator[str]:
    """Yield what ``resource`` wants: a rival wants one of `sought` of it."""
    home = resource.metadata.namespace
    match resource.spec:
        case VirtualService() as spec if MESH in (spec.gateways or (MESH,)):
            yield from (f"routes {full_host(host, home)}" for host in spec.hosts)
        case DestinationRule() as spec:
            yield f"rules {home} {full_host(spec.host, home)}"
        case ServiceEntry() as spec:
            for host in spec.hosts:
                yield from (f"port {host} {port.number}" for port in spec.ports)
        case Gateway() as spec:
            for place, host in _served(spec):
                yield f"{place} ={host}"
                yield from (f"{place} <{wide}" for wide in _wider(host))
        case _:
            pass


def sought(resource: Object) -> Iterator[str]:
    """Yield what whoever wants the same as ``resource`` is found by."""
    if not isinstance(resource.spec, Gateway):
        yield from wanted(resource)
        return
    for place, host in _served(resource.spec):
        yield from (f"{place} ={each}" for each in (host, *_wider(host)))
        if host.startswith("*"):
            yield f"{place} <{host}"


def _served(spec: Gateway) -> Iterator[tuple[str, str]]:
    """Yield where a Gateway listens, and for which host."""
    for server in spec.servers:
        place = f"server {spelled(spec.selector)} {server.bind} {server.port.number}"
        yield from ((place, host.rpartition("/")[2]) for host in server.hosts)


def _wider(host: str) -> Iterator[str]:
    """Yield the wildcards that include ``host``, itself left out."""
    rest = host.removeprefix("*.")
    while "." in rest:
        rest = rest.partition(".")[2]
        yield f"*.{rest}"
    if host != "*":
        yield "*"


def _claims(one: Object, other: Object) -> Iterator[str]:
    """Yield what both want."""
    match one.spec, other.spec:
        case VirtualService() as spec, VirtualService() as rival:
            yield from _routes(one, spec, other, rival)
        case DestinationRule() as spec, DestinationRule() as rival:
            yield from _rules(one, spec, other, rival)
        case ServiceEntry() as spec, ServiceEntry() as rival:
            yield from _ports(one, spec, other, rival)
        case Gateway() as spec, Gateway() as rival if spec.selector == rival.selector:
            for server in spec.servers:
                if any(clash(server, each) for each in rival.servers):
                    hosts = ", ".join(server.hosts)
                    yield f"serves port {server.port.number} for {hosts}, too"
        case _:
            pass


def _routes(
    one: Object, spec: VirtualService, other: Object, rival: VirtualService
) -> Iterator[str]:
    if any(MESH not in (each.gateways or (MESH,)) for each in (spec, rival)):
        return  # those of one gateway are joined
    home, there = one.metadata.namespace, other.metadata.namespace
    if not _both_seen(spec.export_to, home, rival.export_to, there):
        return
    hosts = {full_host(host, home) for host in spec.hosts}
    for host in sorted(hosts & {full_host(host, there) for host in rival.hosts}):
        yield f"routes host {host}, too"


def _rules(
    one: Object, spec: DestinationRule, other: Object, rival: DestinationRule
) -> Iterator[str]:
    """Yield what merging leaves out: settings, and subsets of one name."""
    home, there = one.metadata.namespace, other.metadata.namespace
    same = full_host(spec.host, home) == full_host(rival.host, there)
    if home != there or not same or spec.workload_selector != rival.workload_selector:
        return
    if set(spec.export_to) != set(rival.export_to):
        return
    if spec.traffic_policy and rival.traffic_policy:
        yield f"sets trafficPolicy of host {spec.host}, too"
    names = {each.name for each in spec.subsets}
    for name in sorted(names & {each.name for each in rival.subsets}):
        yield f"defines subset {name} of host {spec.host}, too"


def _ports(
    one: Object, spec: ServiceEntry, other: Object, rival: ServiceEntry
) -> Iterator[str]:
    home, there = one.metadata.namespace, other.metadata.namespace
    if not _both_seen(spec.export_to, home, rival.export_to, there):
        return
    for host in sorted(set(spec.hosts) & set(rival.hosts)):
        for port in spec.ports:
            for each in rival.ports:
                said, there_said = (one.protocol or "" for one in (port, each))
                if port.number == each.number and said.upper() != there_said.upper():
                    word = there_said or "no protocol"
                    yield f"says {word} for port {port.number} of host {host}"


def _both_seen(
    export_to: tuple[str, ...], home: str, also_to: tuple[str, ...], there: str
) -> bool:
    """Tell whether somebody sees both objects."""
    seen, also = seen_from(export_to, home), seen_from(also_to, there)
    return bool(seen and also) and (bool(seen & also) or "*" in seen | also)
