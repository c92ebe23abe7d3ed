"""What a proxy's node metadata asks of its configuration, by Istio's names.

Source: pkg/model/proxy.go NodeMetadata.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.values import decode_value
from meltemi.kernel.errors import Blame, MeshError
from meltemi.xds.modules import FETCHES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class InvalidNodeError(MeshError):
    """A proxy does not say who it is in a way we understand."""

    code = "xds.invalid-node"
    blame = Blame.CALLER


class Interception(StrEnum):
    """How the kernel hands traffic to the proxy."""

    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """One attribute for each key of the metadata that changes what is generated."""

    cluster: str = ""
    network: str = ""
    network_view: tuple[str, ...] = ()
    """The only networks whose endpoints it is to know; empty: all."""
    service_account: str = ""
    workload_name: str = ""
    group: str = ""
    """The WorkloadGroup it joined."""
    node_name: str = ""
    mesh_id: str = ""
    istio_version: str = ""
    dns_capture: bool = False
    http_proxy_port: int = 0
    http10: bool = False
    idle_timeout: str = ""
    unprivileged: bool = False
    """It may not listen on ports below 1024."""
    inbound_exact_balance: bool = False
    outbound_exact_balance: bool = False
    status_port: int = 0
    prometheus_port: int = 0
    secure_metrics_port: int = 0
    tls_client_certificate: str = ""
    tls_client_key: str = ""
    tls_client_root: str = ""
    tls_server_certificate: str = ""
    tls_server_key: str = ""
    tls_server_root: str = ""
    proxy_config: ProxyDefaults | None = None
    lacks: frozenset[str] = frozenset()
    """Extensions we may ask for that its Envoy does not have."""
    application_netns: str = ""
    """The network namespace its application is in, a file beside the proxy; empty: the
    proxy's own."""
    fetches_modules: bool = False
    """An agent stands between, which fetches Wasm modules."""
    hosts_apart: bool | None = None
    """Whether it fetches virtual hosts one by one; None: as the mesh says."""
    raw: str = "{}"
    """All of the metadata as JSON, for EnvoyFilters, which match any of it."""


def node_settings(
    metadata: Mapping[str, object], extensions: Iterable[str] = ()
) -> NodeSettings:
    """Return what ``metadata`` asks for.

    Args:
        metadata: Istio's keys.
        extensions: What its Envoy has; where it says nothing, it has everything.

    Raises:
        InvalidNodeError: If PROXY_CONFIG is not a ProxyConfig.

    """
    word = _Reader(metadata)
    return NodeSettings(
        cluster=word.text("CLUSTER_ID"),
        network=word.text("NETWORK"),
        network_view=word.words("REQUESTED_NETWORK_VIEW"),
        service_account=word.text("SERVICE_ACCOUNT"),
        workload_name=word.text("WORKLOAD_NAME"),
        group=word.text("AUTO_REGISTER_GROUP"),
        node_name=word.text("NODE_NAME"),
        mesh_id=word.text("MESH_ID"),
        istio_version=word.text("ISTIO_VERSION"),
        dns_capture=word.flag("DNS_CAPTURE"),
        http_proxy_port=word.number("HTTP_PROXY_PORT"),
        http10=word.flag("HTTP10"),
        idle_timeout=word.text("IDLE_TIMEOUT"),
        unprivileged=word.flag("UNPRIVILEGED_POD"),
        inbound_exact_balance=word.flag("INBOUND_LISTENER_EXACT_BALANCE"),
        outbound_exact_balance=word.flag("OUTBOUND_LISTENER_EXACT_BALANCE"),
        status_port=word.number("ENVOY_STATUS_PORT"),
        prometheus_port=word.number("ENVOY_PROMETHEUS_PORT"),
        secure_metrics_port=word.number("ENVOY_SECURE_METRICS_PORT"),
        tls_client_certificate=word.text("TLS_CLIENT_CERT_CHAIN"),
        tls_client_key=word.text("TLS_CLIENT_KEY"),
        tls_client_root=word.text("TLS_CLIENT_ROOT_CERT"),
        tls_server_certificate=word.text("TLS_SERVER_CERT_CHAIN"),
        tls_server_key=word.text("TLS_SERVER_KEY"),
        tls_server_root=word.text("TLS_SERVER_ROOT_CERT"),
        proxy_config=_proxy_config(metadata.get("PROXY_CONFIG")),
        lacks=OPTIONAL - has if (has := set(extensions)) else frozenset(),
        application_netns=word.text("MELTEMI_APPLICATION_NETNS"),
        fetches_modules=word.flag(FETCHES),
        hosts_apart=word.choice(APART),
        raw=json.dumps(_kept(metadata), sort_keys=True),
    )


OPTIONAL = frozenset(
    (
        "envoy.access_loggers.stats",
        "envoy.filters.http.lua",
        "envoy.filters.http.wasm",
        "envoy.filters.network.wasm",
        "envoy.wasm.runtime.v8",
    )
)
"""Envoy's extensions that not every build has, and that we do without there."""
APART = "MELTEMI_VHDS"
"""The key of a proxy that fetches, or does not fetch, virtual hosts one by one."""
PERSONAL = ("INSTANCE_IPS", "NAME", "NODE_NAME", "WORKLOAD_ENTRY", "OWNER")
"""Keys in which the proxies of one workload differ: they must not split a class."""


def _kept(metadata: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in metadata.items() if key not in PERSONAL}


def _proxy_config(given: object) -> ProxyDefaults | None:
    if not isinstance(given, dict):
        return None
    try:
        return msgspec.convert(given, ProxyDefaults, dec_hook=decode_value)
    except (msgspec.ValidationError, MeshError) as error:
        raise InvalidNodeError(f"PROXY_CONFIG is not a ProxyConfig: {error}") from error


@dataclass(frozen=True, slots=True)
class _Reader:
    """Istio's agents write every value as a string, other clients as what it is."""

    metadata: Mapping[str, object]

    def text(self, key: str) -> str:
        value = self.metadata.get(key)
        return "" if value is None else str(value)

    def words(self, key: str) -> tuple[str, ...]:
        value = self.metadata.get(key)
        if isinstance(value, list):
            return tuple(str(each) for each in value)
        return tuple(each for each in self.text(key).split(",") if each)

    def flag(self, key: str) -> bool:
        return self.text(key).lower() in ("true", "1", "1.0")

    def choice(self, key: str) -> bool | None:
        return self.flag(key) if self.text(key) else None

    def number(self, key: str) -> int:
        value = self.metadata.get(key)
        if isinstance(value, float):
            return int(value)
        text = self.text(key)
        return int(text) if text.isdecimal() else 0
