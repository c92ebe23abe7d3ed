"""The rules of every kind, behind one door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.destination_rule import check_destination_rule
from meltemi.config.rules.gateway import check_gateway
from meltemi.config.rules.peer_authentication import check_peer_authentication
from meltemi.config.rules.service_entry import check_service_entry
from meltemi.config.rules.virtual_service import check_virtual_service
from meltemi.config.rules.workload_entry import check_workload_entry
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.gateway import Gateway
from meltemi.config.schema.peer_authentication import PeerAuthentication
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.config.schema.workload_entry import WorkloadEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message


def check(resource: Resource[Message]) -> Iterator[Finding]:
    """Yield what is wrong with ``resource`` taken alone, in the order of its fields."""
    match resource.spec:
        case DestinationRule() as spec:
            yield from check_destination_rule(spec)
        case Gateway() as spec:
            yield from check_gateway(spec)
        case PeerAuthentication() as spec:
            yield from check_peer_authentication(spec)
        case ServiceEntry() as spec:
            yield from check_service_entry(spec)
        case VirtualService() as spec:
            yield from check_virtual_service(spec)
        case WorkloadEntry() as spec:
            yield from check_workload_entry(spec)
