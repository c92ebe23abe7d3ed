"""What holds for the whole mesh: Istio's MeshConfig over its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from meltemi.config.schema.extension_provider import (
    EnvoyFileAccessLog,
    ExtensionProvider,
    PrometheusProvider,
)
from meltemi.config.schema.load_balancer import LocalityLoadBalancerSetting
from meltemi.config.schema.mesh_config import (
    InboundTrafficPolicy,
    MeshOutboundMode,
    MeshOutboundTrafficPolicy,
)
from meltemi.config.schema.mesh_config import (
    MeshConfig as MeshDocument,
)
from meltemi.config.schema.mesh_networks import MeshNetworks
from meltemi.config.schema.message import Message
from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.values import Duration
from meltemi.pilot.model.features import Features

M = TypeVar("M", bound=Message)

EVERYWHERE: Final = ("*",)

ISTIO_DEFAULTS: Final = MeshDocument(
    proxy_listen_port=15001,
    proxy_inbound_listen_port=15006,
    connect_timeout=Duration.parse("10s"),
    protocol_detection_timeout=Duration(0),
    dns_refresh_rate=Duration.parse("60s"),
    enable_tracing=True,
    enable_auto_mtls=True,
    enable_prometheus_merge=True,
    trust_domain="cluster.local",
    root_namespace="istio-system",
    default_service_export_to=EVERYWHERE,
    default_virtual_service_export_to=EVERYWHERE,
    default_destination_rule_export_to=EVERYWHERE,
    locality_lb_setting=LocalityLoadBalancerSetting(enabled=True),
    outbound_traffic_policy=MeshOutboundTrafficPolicy(mode=MeshOutboundMode.ALLOW_ANY),
    inbound_traffic_policy=InboundTrafficPolicy(),
    default_config=ProxyDefaults(
        drain_duration=Duration.parse("45s"),
        proxy_admin_port=15000,
        stat_name_length=189,
        status_port=15020,
        termination_drain_duration=Duration.parse("5s"),
    ),
    extension_providers=(
        ExtensionProvider(name="prometheus", prometheus=PrometheusProvider()),
        ExtensionProvider(
            name="envoy", envoy_file_access_log=EnvoyFileAccessLog(path="/dev/stdout")
        ),
    ),
)
"""Source: pkg/config/mesh/mesh.go DefaultMeshConfig and DefaultProxyConfig."""


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """What holds mesh-wide.

    Attributes:
        document: Istio's document; a field that is absent is protobuf's zero, so
            defaults must have been merged in before (`over_defaults`).
        domain_suffix: What short host names end in.
        features: Switches of the control plane.
        networks: Which endpoints reach each other directly.

    """

    document: MeshDocument = ISTIO_DEFAULTS
    domain_suffix: str = "cluster.local"
    features: Features = field(default_factory=Features)
    networks: MeshNetworks = field(default_factory=MeshNetworks)

    @property
    def trust_domain(self) -> str:
        """What the identities of the mesh's workloads begin with."""
        return self.document.trust_domain or ""

    @property
    def root_namespace(self) -> str:
        """Where mesh-wide objects are; empty: nowhere."""
        return self.document.root_namespace or ""

    @property
    def access_log_file(self) -> str:
        """Where proxies log requests; empty: nowhere."""
        return self.document.access_log_file or ""

    @property
    def auto_mutual_tls(self) -> bool:
        """Whether clients use mutual TLS where the server can."""
        return bool(self.document.enable_auto_mtls)

    @property
    def trust_domains(self) -> tuple[str, ...]:
        """The trust domain, its aliases, and those of other authorities, sorted."""
        known = {self.trust_domain, *self.document.trust_domain_aliases}
        for each in self.document.ca_certificates:
            known |= set(each.trust_domains)
        return tuple(sorted(known - {""}))

    @property
    def proxy_defaults(self) -> ProxyDefaults:
        """What proxies start with."""
        return self.document.default_config or ProxyDefaults()


def over_defaults(
    document: MeshDocument, defaults: MeshDocument = ISTIO_DEFAULTS
) -> MeshDocument:
    """Return ``document`` with what it leaves out taken from ``defaults``.

    As in Istio ``defaultConfig`` is merged field by field, and the extension providers
    by name; every other field that is given replaces the default's whole.
    """
    merged = over(document, defaults)
    own = {each.name for each in document.extension_providers}
    others = tuple(
        each for each in defaults.extension_providers if each.name not in own
    )
    merged = msgspec.structs.replace(
        merged, extension_providers=(*others, *document.extension_providers)
    )
    if document.default_config and defaults.default_config:
        inner = over(document.default_config, defaults.default_config)
        merged = msgspec.structs.replace(merged, default_config=inner)
    return merged


def over(given: M, defaults: M) -> M:
    """Return ``given`` with each field it leaves out taken from ``defaults``."""
    said = {
        name: value
        for name in given.__struct_fields__
        if (value := getattr(given, name)) not in (None, (), {})
    }
    return msgspec.structs.replace(defaults, **said)
