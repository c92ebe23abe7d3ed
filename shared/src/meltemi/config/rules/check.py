"""The rules of every kind, behind one door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.annotations import check_annotations
from meltemi.config.rules.authorization_policy import check_authorization_policy
from meltemi.config.rules.destination_rule import check_destination_rule
from meltemi.config.rules.effect import check_effect
from meltemi.config.rules.envoy_filter import check_envoy_filter
from meltemi.config.rules.gateway import check_gateway
from meltemi.config.rules.in_vain import check_in_vain
from meltemi.config.rules.mesh_config import check_mesh_config
from meltemi.config.rules.mesh_networks import check_mesh_networks
from meltemi.config.rules.metadata import check_metadata
from meltemi.config.rules.peer_authentication import check_peer_authentication
from meltemi.config.rules.proxy_config import check_proxy_config
from meltemi.config.rules.request_authentication import check_request_authentication
from meltemi.config.rules.service_entry import check_service_entry
from meltemi.config.rules.sidecar import check_sidecar
from meltemi.config.rules.telemetry import check_telemetry
from meltemi.config.rules.virtual_service import check_virtual_service
from meltemi.config.rules.wasm import check_traffic_extension, check_wasm_plugin
from meltemi.config.rules.workload_entry import check_workload_entry
from meltemi.config.rules.workload_group import check_workload_group
from meltemi.config.schema.authorization_policy import AuthorizationPolicy
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.envoy_filter import EnvoyFilter
from meltemi.config.schema.gateway import Gateway
from meltemi.config.schema.mesh_config import MeshConfig
from meltemi.config.schema.mesh_networks import MeshNetworks
from meltemi.config.schema.peer_authentication import PeerAuthentication
from meltemi.config.schema.proxy_config import ProxyConfig
from meltemi.config.schema.request_authentication import RequestAuthentication
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.sidecar import Sidecar
from meltemi.config.schema.telemetry import Telemetry
from meltemi.config.schema.traffic_extension import TrafficExtension
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.config.schema.wasm_plugin import WasmPlugin
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.config.schema.workload_group import WorkloadGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Metadata, Resource
    from meltemi.config.schema.message import Message


def check(resource: Resource[Message]) -> Iterator[Finding]:
    """Yield what there is to say of ``resource`` taken alone.

    Errors and warnings come in the order of the rules; no two of the groups below
    know the same kind. Last comes what Istio says nothing about: fields in vain.
    """
    yield from check_metadata(resource.metadata)
    yield from check_annotations(resource)
    for rules in (_routing, _proxies, _policies):
        yield from rules(resource.spec, resource.metadata)
    yield from check_effect(resource.spec)
    yield from check_in_vain(resource.spec)


def _routing(spec: Message, metadata: Metadata) -> Iterator[Finding]:
    match spec:
        case DestinationRule():
            yield from check_destination_rule(spec, metadata)
        case Gateway():
            yield from check_gateway(spec, metadata)
        case ServiceEntry():
            yield from check_service_entry(spec, metadata)
        case Sidecar():
            yield from check_sidecar(spec, metadata)
        case VirtualService():
            yield from check_virtual_service(spec, metadata)
        case WorkloadEntry():
            yield from check_workload_entry(spec)
        case WorkloadGroup():
            yield from check_workload_group(spec)


def _proxies(spec: Message, metadata: Metadata) -> Iterator[Finding]:
    match spec:
        case EnvoyFilter():
            yield from check_envoy_filter(spec)
        case MeshConfig():
            yield from check_mesh_config(spec, metadata)
        case MeshNetworks():
            yield from check_mesh_networks(spec, metadata)
        case ProxyConfig():
            yield from check_proxy_config(spec)
        case TrafficExtension():
            yield from check_traffic_extension(spec)
        case WasmPlugin():
            yield from check_wasm_plugin(spec)


def _policies(spec: Message, _: Metadata) -> Iterator[Finding]:
    match spec:
        case AuthorizationPolicy():
            yield from check_authorization_policy(spec)
        case PeerAuthentication():
            yield from check_peer_authentication(spec)
        case RequestAuthentication():
            yield from check_request_authentication(spec)
        case Telemetry():
            yield from check_telemetry(spec)
