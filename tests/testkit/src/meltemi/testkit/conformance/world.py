"""The mesh and the proxy of a case, as Pilot sees them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from meltemi.config.kinds import KIND_BY_NAME
from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.mesh_config import MeshConfig as MeshDocument
from meltemi.config.schema.mesh_networks import MeshNetworks
from meltemi.config.schema.service_entry import Resolution
from meltemi.config.values import Duration, decode_value
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.model import kubernetes
from meltemi.pilot.model.features import Features
from meltemi.pilot.model.index import Index, index
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.model.network import NetworkGateway, NetworkGateways
from meltemi.pilot.model.protocol import protocol
from meltemi.pilot.model.service import (
    Health,
    Instance,
    Port,
    Registry,
    Service,
)
from meltemi.pilot.model.service_entry import place
from meltemi.pilot.scope.proxy import ProxyClass, proxy
from meltemi.pilot.scope.scope import Scope, Target
from meltemi.testkit.conformance.case import SkippedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Json = dict[str, Any]

RESOLUTIONS: Final = {
    "ClientSide": Resolution.STATIC,
    "DNS": Resolution.DNS,
    "DNSRoundRobin": Resolution.DNS_ROUND_ROBIN,
    "Passthrough": Resolution.NONE,
    "DynamicDNS": Resolution.DYNAMIC_DNS,
}
TLS_MODES: Final = {"istio": True, "disabled": False}
FEATURES: Final = {
    "EnableDualStack": "dual_stack",
    "EnableTLSOnSidecarIngress": "tls_on_sidecar_ingress",
    "EnableHeadlessFilterChainListener": "headless_filter_chains",
    "EnableIPAutoallocate": "ip_autoallocate",
    "FilterGatewayClusterConfig": "filter_gateway_clusters",
    "PreferHBONESend": "prefer_tunnels",
    "TraceSampling": "trace_sampling",
    "EnableAdditionalIpv4OutboundListenerForIpv6Only": "ipv4_listener_for_ipv6_only",
    "PilotDNSCaresUDPMaxQueries": "dns_cares_udp_max_queries",
    "PilotDNSJitterDurationEnv": "dns_jitter",
    "GatewayTransportSocketConnectTimeout": "gateway_transport_socket_connect_timeout",
    "CanonicalServiceForMeshExternalServiceEntry": (
        "canonical_service_for_external_entries"
    ),
}
"""Those that are honoured, by the name they have here."""


def world(case: Json, data: Path) -> tuple[Index, ProxyClass]:
    """Return the mesh of ``case``, arranged, and the class of its proxy.

    Args:
        case: As its file holds it.
        data: The folder of all conformance data, for the defaults.

    Raises:
        SkippedError: If it needs what Meltemi deliberately doesn't have.

    """
    given = case["input"]
    for need, reason in (("gatewayAPI", "gateway-api"), ("ingress", "ingress")):
        if given["needs"].get(need):
            raise SkippedError(reason)
    if given["needs"].get("ambient") or given["proxy"]["type"] == "waypoint":
        raise SkippedError("ambient")
    config = _config(given, data)
    mesh = Mesh()
    for document in given["configs"]:
        mesh = mesh.put(_resource(document))
    more = kubernetes.with_aliases(tuple(_services(given, config)))
    arranged = index(mesh.at(Epoch("cafe"), Revision(2)), config, more)
    gateways = given.get("networkGateways") or []
    if case["suite"] == "endpoints":  # some tests add gateways after the start
        gateways = case["resolved"].get("networkGateways") or gateways
    if gateways:
        found = NetworkGateways(tuple(map(_gateway, gateways)))
        arranged = replace(arranged, network_gateways=found)
    return arranged, _proxy(given["proxy"])


def _gateway(given: Json) -> NetworkGateway:
    return NetworkGateway(
        given.get("network", ""),
        given.get("addr", ""),
        given.get("port", 0),
        given.get("cluster", ""),
    )


def _resource(document: Json) -> Resource[Any]:
    metadata = document["metadata"]
    kind = KIND_BY_NAME[document["kind"]]
    return Resource(
        api_version=kind.api_version,
        kind=kind.name,
        metadata=Metadata(
            name=metadata["name"],
            namespace=metadata.get("namespace", ""),
            labels=metadata.get("labels") or {},
            annotations=metadata.get("annotations") or {},
            creation_timestamp=metadata.get("creationTimestamp") or "",
        ),
        spec=msgspec.convert(
            document.get("spec") or {},
            kind.spec,
            strict=False,
            dec_hook=decode_value,
        ),
    )


def _config(given: Json, data: Path) -> MeshConfig:
    document = json.loads((data / "default_mesh.json").read_text("utf-8"))
    document |= given["meshOverrides"]
    said = {key: value for key, value in document.items() if value is not None}
    networks = given.get("meshNetworks") or {}
    return MeshConfig(
        document=msgspec.convert(said, MeshDocument, dec_hook=decode_value),
        domain_suffix="",  # Istio's tests leave it out of their objects
        features=_features(given["features"]),
        networks=msgspec.convert(networks, MeshNetworks, dec_hook=decode_value),
    )


def _features(given: Mapping[str, Json]) -> Features:
    named: dict[str, Any] = {}
    for name, flag in given.items():
        if name not in FEATURES:
            raise SkippedError(f"feature {name}")
        value = flag["value"]
        length = isinstance(flag["default"], str)
        named[FEATURES[name]] = Duration.parse(value).nanoseconds if length else value
    return Features(**named)


def _proxy(given: Json) -> ProxyClass:
    addresses = given["ipAddresses"]
    metadata = {
        **(given.get("metadataRaw") or given["metadata"]),
        "INSTANCE_IPS": addresses,
        "LABELS": given.get("labels") or {},
        "NAMESPACE": given["configNamespace"],
    }
    node = f"{given['type']}~{addresses[0]}~{given['id']}~{given['dnsDomain']}"
    where = given.get("locality") or {}
    locality = "/".join(where.get(key) or "" for key in ("region", "zone", "subZone"))
    return proxy(node, metadata, place(locality)).group


def _services(given: Json, config: MeshConfig) -> Iterator[Service]:
    instances: dict[tuple[str, str], list[Instance]] = {}
    for each in given.get("instances") or []:
        key = (each["service"], each.get("serviceNamespace") or "")
        port = each["servicePort"].get("name") or ""
        instances.setdefault(key, []).append(instance(each["endpoint"], port))
    for shard in given.get("shards") or []:
        key = (shard["hostname"], shard.get("namespace") or "")
        instances.setdefault(key, []).extend(map(instance, shard["endpoints"]))
    for each in given.get("services") or []:
        key = (each.get("hostname") or "", each.get("namespace") or "")
        yield service(each, tuple(instances.get(key, ())))
    for cluster, documents in (given.get("kubernetesObjects") or {}).items():
        yield from kubernetes.services(
            documents,
            cluster=cluster,
            domain_suffix="cluster.local",
            trust_domain=config.trust_domain,
        )


def with_targets(seen: Scope, given: Json) -> Scope:
    """Return ``seen``; a case may say itself what the workload answers for."""
    forced = given.get("serviceTargetsOverride")
    if not forced:
        return seen
    targets = tuple(
        Target(
            service(each["service"]),
            Port(
                each["servicePort"].get("port", 0),
                each["servicePort"].get("name") or "",
                protocol(each["servicePort"].get("protocol")),
            ),
            each["targetPort"],
        )
        for each in forced
    )
    return replace(seen, targets=targets)


def service(given: Json, instances: tuple[Instance, ...] = ()) -> Service:
    """Return the service that the data describes, with its endpoints."""
    automatic = (given.get("autoAllocatedIPv4"), given.get("autoAllocatedIPv6"))
    return Service(
        host=(given.get("hostname") or "").lower(),
        name=given.get("name") or "",
        namespace=given.get("namespace") or "",
        ports=tuple(
            Port(each["port"], each.get("name") or "", protocol(each.get("protocol")))
            for each in given.get("ports") or []
        ),
        resolution=RESOLUTIONS[given.get("resolution", "ClientSide")],
        external=given.get("meshExternal", False),
        export_to=tuple(given.get("exportTo") or ()),
        address=given.get("address") or "",
        cluster_addresses={
            cluster: tuple(each)
            for cluster, each in (given.get("clusterVIPs") or {}).items()
        },
        automatic_addresses=tuple(each for each in automatic if each),
        labels=given.get("labels") or {},
        selector=given.get("labelSelectors") or {},
        instances=instances,
        subject_alt_names=tuple(given.get("serviceAccounts") or ()),
        created=given.get("creationTime") or "",
        registry=Registry(given.get("registry") or "Mock"),
    )


def instance(given: Json, port_name: str | None = None) -> Instance:
    """Return the endpoint that the data describes, of the port of that name."""
    return Instance(
        addresses=tuple(given.get("addresses") or ()),
        port=given.get("port", 0),
        port_name=given.get("servicePortName", "") if port_name is None else port_name,
        name=given.get("workloadName", ""),
        namespace=given.get("namespace", ""),
        labels=given.get("labels") or {},
        locality=place(given.get("locality")),
        network=given.get("network", ""),
        cluster=given.get("clusterID", ""),
        weight=given.get("weight", 0),
        service_account=given.get("serviceAccount", ""),
        tls=TLS_MODES.get(given.get("tlsMode", "")),
        health=Health(given.get("healthStatus", "HEALTHY").lower()),
        host_name=given.get("hostName", ""),
        sub_domain=given.get("subDomain", ""),
        node=given.get("nodeName", ""),
    )
