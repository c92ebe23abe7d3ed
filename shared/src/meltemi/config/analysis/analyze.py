"""All analyzers, under the names Istio gives them.

``telemetry.UnknownProviderAnalyzer`` is ours.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from meltemi.config.analysis import (
    authorization,
    deprecation,
    destination_rules,
    envoy_filters,
    gateways,
    request_authentication,
    service_entries,
    services,
    telemetries,
    virtual_services,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meltemi.config.analysis.remark import Remark
    from meltemi.config.analysis.world import World

    Analyzer = Callable[[World], Iterator[Remark]]

ANALYZERS: Final[Mapping[str, tuple[Analyzer, ...]]] = MappingProxyType(
    {
        "authz.AuthorizationPoliciesAnalyzer": (
            authorization.policies_for_nobody,
            authorization.unknown_namespaces,
        ),
        "deployment.ServiceAssociationAnalyzer": (services.shared_deployments,),
        "deprecation.FieldAnalyzer": (deprecation.deprecated_fields,),
        "destinationrule.CaCertificateAnalyzer": (
            destination_rules.unverified_servers,
        ),
        "destinationrule.PodNotSelectedAnalyzer": (
            destination_rules.absent_destinations,
        ),
        "envoyfilter.EnvoyPatchAnalyzer": (envoy_filters.ineffective_patches,),
        "gateway.CertificateAnalyzer": (gateways.duplicate_certificates,),
        "gateway.ConflictingGatewayAnalyzer": (gateways.conflicting_gateways,),
        "gateway.IngressGatewayPortAnalyzer": (gateways.ports_of_services,),
        "service.PortNameAnalyzer": (services.port_names,),
        "serviceentry.ConflictingServiceEntryProtocolAnalyzer": (
            service_entries.conflicting_protocols,
        ),
        "serviceentry.ProtocolAddressesAnalyzer": (service_entries.missing_addresses,),
        "telemetry.ProviderAnalyzer": (telemetries.without_providers,),
        "telemetry.UnknownProviderAnalyzer": (telemetries.unknown_providers,),
        "virtualservice.ConflictingMeshGatewayHostsAnalyzer": (
            virtual_services.same_hosts,
        ),
        "virtualservice.DestinationHostAnalyzer": (
            virtual_services.unknown_destinations,
            virtual_services.routes_without_effect_on_ingress,
        ),
        "virtualservice.DestinationRuleAnalyzer": (virtual_services.unknown_subsets,),
        "virtualservice.GatewayAnalyzer": (virtual_services.unknown_gateways,),
        "virtualservice.JWTClaimRouteAnalyzer": (
            request_authentication.claims_without_authentication,
        ),
    }
)


SPEAKS_OF: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "authz": frozenset({"AuthorizationPolicy"}),
        "deployment": frozenset({"Deployment"}),
        "deprecation": frozenset({"VirtualService", "Sidecar"}),
        "destinationrule": frozenset({"DestinationRule"}),
        "envoyfilter": frozenset({"EnvoyFilter"}),
        "gateway": frozenset({"Gateway"}),
        "service": frozenset({"Service"}),
        "serviceentry": frozenset({"ServiceEntry"}),
        "telemetry": frozenset({"Telemetry"}),
        "virtualservice": frozenset({"VirtualService"}),
    }
)
"""How an analyzer's name begins, and the kinds that its remarks are about."""


def analyze(world: World, kind: str = "") -> tuple[Remark, ...]:
    """Return what every analyzer has to say about ``world``, in a stable order.

    With a ``kind`` only those are asked that speak of it.
    """
    found = [
        each
        for name, analyzers in ANALYZERS.items()
        if not kind or kind in SPEAKS_OF[name.partition(".")[0]]
        for analyzer in analyzers
        for each in analyzer(world)
    ]
    return tuple(
        sorted(found, key=lambda each: (each.subject, each.message.code, each.path))
    )
