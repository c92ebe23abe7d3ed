"""The mesh, arranged for the questions that translation asks."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from meltemi.config.schema.authorization_policy import AuthorizationPolicy
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.envoy_filter import EnvoyFilter
from meltemi.config.schema.gateway import Gateway
from meltemi.config.schema.mesh_config import MeshConfig as MeshDocument
from meltemi.config.schema.mesh_networks import MeshNetworks
from meltemi.config.schema.peer_authentication import PeerAuthentication
from meltemi.config.schema.request_authentication import RequestAuthentication
from meltemi.config.schema.sidecar import Sidecar
from meltemi.config.schema.telemetry import Telemetry
from meltemi.config.schema.traffic_extension import TrafficExtension
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.config.schema.wasm_plugin import WasmPlugin
from meltemi.config.schema.workload_group import WorkloadGroup
from meltemi.pilot.model.described import NOTHING, described
from meltemi.pilot.model.destination_rules import Rules, arranged_rules
from meltemi.pilot.model.mesh_config import over_defaults
from meltemi.pilot.model.network import NetworkGateways, gateways
from meltemi.pilot.model.registry import Services, arranged
from meltemi.pilot.model.visibility import Exported
from meltemi.pilot.model.workload_group import by_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.config.key_sets import KeySource
    from meltemi.config.resource import Resource
    from meltemi.kernel.names import Revision
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.model.mesh_config import MeshConfig
    from meltemi.pilot.model.secret_store import SecretStore
    from meltemi.pilot.model.service import Service


@dataclass(frozen=True, slots=True)
class Index:
    """Every list is oldest first."""

    config: MeshConfig
    revision: Revision
    services: Services
    network_gateways: NetworkGateways
    virtual_services: tuple[Resource[VirtualService], ...]
    exported: Exported[Resource[VirtualService]]
    """The VirtualServices with hosts, by who sees them."""
    source_namespaces: frozenset[str]
    """Of callers to which VirtualServices give routes of their own."""
    destination_rules: Rules
    gateways: tuple[Resource[Gateway], ...]
    sidecars: tuple[Resource[Sidecar], ...]
    peer_authentications: tuple[Resource[PeerAuthentication], ...]
    request_authentications: tuple[Resource[RequestAuthentication], ...]
    authorization_policies: tuple[Resource[AuthorizationPolicy], ...]
    envoy_filters: tuple[Resource[EnvoyFilter], ...]
    keys: Mapping[KeySource, str]
    """Key sets of token issuers that had to be fetched, as text."""
    secrets: SecretStore
    """TLS secrets of gateways."""
    telemetries: tuple[Resource[Telemetry], ...]
    wasm_plugins: tuple[Resource[WasmPlugin], ...]
    traffic_extensions: tuple[Resource[TrafficExtension], ...]
    workload_groups: Mapping[tuple[str, str], Resource[WorkloadGroup]]
    """By namespace and name."""


def index(
    mesh: Mesh,
    config: MeshConfig,
    more: tuple[Service, ...] = (),
    before: Index | None = None,
) -> Index:
    """Return ``mesh`` arranged; costs one pass over it.

    Args:
        mesh: What was stored.
        config: What the process was told; the mesh's own documents go over it.
        more: Services that other registries describe.
        before: That of an earlier revision: what is the same is the same object.

    """
    config = _documents(mesh, config)
    known = before.services.described if before else NOTHING
    held = before.services if before and before.config == config else None
    services = arranged(described(mesh, config, known), config, more, held)
    made = _arranged(mesh, config, services)
    return _settled(made, before) if before else made


def differing(one: Index, other: Index) -> frozenset[str]:
    """Return the names of the fields in which two are not the same objects."""
    return frozenset(
        each.name
        for each in fields(Index)
        if getattr(one, each.name) is not getattr(other, each.name)
    )


def _settled(made: Index, before: Index) -> Index:
    """Return ``made``; what is equal to what was before is that."""
    same = {
        each.name: held
        for each in fields(Index)
        if (held := getattr(before, each.name)) == getattr(made, each.name)
    }
    return replace(made, **same)


def _arranged(mesh: Mesh, config: MeshConfig, services: Services) -> Index:
    document = config.document
    virtual_services = mesh.of(VirtualService)
    return Index(
        config=config,
        revision=mesh.revision,
        services=services,
        network_gateways=gateways(config.networks, services.by_host),
        virtual_services=virtual_services,
        exported=Exported.of(
            (
                (each, each.metadata.namespace, each.spec.export_to)
                for each in virtual_services
                if each.spec.hosts
            ),
            document.default_virtual_service_export_to,
        ),
        source_namespaces=frozenset(_sources(virtual_services)),
        destination_rules=arranged_rules(mesh.of(DestinationRule), config),
        gateways=mesh.of(Gateway),
        sidecars=mesh.of(Sidecar),
        peer_authentications=mesh.of(PeerAuthentication),
        request_authentications=mesh.of(RequestAuthentication),
        authorization_policies=mesh.of(AuthorizationPolicy),
        envoy_filters=mesh.of(EnvoyFilter),
        keys=mesh.keys.by_source,
        secrets=mesh.secrets,
        telemetries=mesh.of(Telemetry),
        wasm_plugins=mesh.of(WasmPlugin),
        traffic_extensions=mesh.of(TrafficExtension),
        workload_groups=by_name(mesh.of(WorkloadGroup)),
    )


def _sources(
    virtual_services: Iterable[Resource[VirtualService]],
) -> Iterator[str]:
    for each in virtual_services:
        for rule in each.spec.http:
            yield from (match.source_namespace or "" for match in rule.match)


def _documents(mesh: Mesh, config: MeshConfig) -> MeshConfig:
    """Return ``config`` under the mesh-wide documents that were stored."""
    home = config.root_namespace
    for stored in mesh.of(MeshDocument):
        if stored.metadata.namespace == home:
            document = over_defaults(stored.spec, config.document)
            config = replace(config, document=document)
            break
    for networks in mesh.of(MeshNetworks):
        if networks.metadata.namespace == home:
            return replace(config, networks=networks.spec)
    return config
