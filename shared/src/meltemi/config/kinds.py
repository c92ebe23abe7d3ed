"""The kinds of configuration this mesh knows, and every spelling of their names."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

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
    from collections.abc import Iterator, Mapping

    from meltemi.config.schema.message import Message

NETWORKING: Final = "networking.istio.io"
SECURITY: Final = "security.istio.io"
TELEMETRY: Final = "telemetry.istio.io"
EXTENSIONS: Final = "extensions.istio.io"
MESH: Final = "mesh.istio.io"
"""Ours: Istio keeps its mesh-wide documents in a ConfigMap, without a group."""
THREE: Final = ("v1", "v1beta1", "v1alpha3")
"""Versions of the networking kinds that have been stable the longest."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object, as Istio's CustomResourceDefinitions name it."""

    name: str
    group: str
    plural: str
    short_names: tuple[str, ...]
    versions: tuple[str, ...]
    """Accepted API versions; the first is the one objects are stored in."""
    spec: type[Message]

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` objects of this kind are stored in."""
        return f"{self.group}/{self.versions[0]}"

    @property
    def collection(self) -> str:
        """The kind's folder in the ledger, and its full resource name."""
        return f"{self.plural}.{self.group}"


def _kind(
    spec: type[Message],
    group: str,
    plural: str,
    versions: tuple[str, ...],
    *short_names: str,
) -> Kind:
    return Kind(spec.__name__, group, plural, short_names, versions, spec)


KINDS: Final = (
    _kind(
        AuthorizationPolicy,
        SECURITY,
        "authorizationpolicies",
        ("v1", "v1beta1"),
        "ap",
    ),
    _kind(DestinationRule, NETWORKING, "destinationrules", THREE, "dr"),
    _kind(EnvoyFilter, NETWORKING, "envoyfilters", ("v1alpha3",), "ef"),
    _kind(Gateway, NETWORKING, "gateways", THREE, "gw"),
    _kind(MeshConfig, MESH, "meshconfigs", ("v1alpha1",), "mc"),
    _kind(MeshNetworks, MESH, "meshnetworks", ("v1alpha1",), "mn"),
    _kind(PeerAuthentication, SECURITY, "peerauthentications", ("v1", "v1beta1"), "pa"),
    _kind(ProxyConfig, NETWORKING, "proxyconfigs", ("v1beta1",), "pc"),
    _kind(
        RequestAuthentication,
        SECURITY,
        "requestauthentications",
        ("v1", "v1beta1"),
        "ra",
    ),
    _kind(ServiceEntry, NETWORKING, "serviceentries", THREE, "se"),
    _kind(Sidecar, NETWORKING, "sidecars", THREE, "sc"),
    _kind(Telemetry, TELEMETRY, "telemetries", ("v1", "v1alpha1"), "tel"),
    _kind(TrafficExtension, EXTENSIONS, "trafficextensions", ("v1alpha1",), "te"),
    _kind(VirtualService, NETWORKING, "virtualservices", THREE, "vs"),
    _kind(WasmPlugin, EXTENSIONS, "wasmplugins", ("v1alpha1",), "wp"),
    _kind(WorkloadEntry, NETWORKING, "workloadentries", THREE, "we"),
    _kind(WorkloadGroup, NETWORKING, "workloadgroups", THREE, "wg"),
)

AT_START: Final = frozenset((ProxyConfig.__name__,))
"""Kinds that a proxy is told when it starts, and not while it runs."""

KIND_BY_NAME: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name: kind for kind in KINDS}
)
KIND_BY_COLLECTION: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.collection: kind for kind in KINDS}
)


def _words(kind: Kind) -> Iterator[str]:
    yield from (kind.name.lower(), kind.plural, kind.collection, *kind.short_names)


KIND_BY_WORD: Final[Mapping[str, Kind]] = MappingProxyType(
    {word: kind for kind in KINDS for word in _words(kind)}
)


def kind_called(word: str) -> Kind | None:
    """Return the kind people mean by ``word``: name, plural or short name, any case."""
    return KIND_BY_WORD.get(word.lower())


def kind_at(group: str, version: str, plural: str) -> Kind | None:
    """Return the kind served at ``/apis/{group}/{version}/…/{plural}``."""
    kind = KIND_BY_COLLECTION.get(f"{plural}.{group}")
    return kind if kind is not None and version in kind.versions else None
