"""Sidecar: what the proxy beside a workload listens to, and what it may reach."""

from enum import StrEnum

from meltemi.config.schema.gateway import ServerTLSSettings
from meltemi.config.schema.http_route import Destination
from meltemi.config.schema.message import Message
from meltemi.config.schema.selector import WorkloadSelector
from meltemi.config.schema.traffic_policy import ConnectionPoolSettings
from meltemi.config.values import UInt32


class CaptureMode(StrEnum):
    """How traffic comes to a listener."""

    DEFAULT = "DEFAULT"
    """As the proxy's environment is set up."""
    IPTABLES = "IPTABLES"
    """Redirected by the kernel."""
    NONE = "NONE"
    """Sent to the listener on purpose."""


class OutboundMode(StrEnum):
    """What becomes of traffic to hosts nobody described."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    """Refused."""
    ALLOW_ANY = "ALLOW_ANY"
    """Sent where it was going."""


class SidecarPort(Message, frozen=True, kw_only=True):
    """A port a sidecar listens on."""

    number: UInt32 | None = None
    """1..65535; 0 with a Unix socket as ``bind`` of an egress listener."""
    protocol: str | None = None
    """HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS."""
    name: str | None = None
    """For people, and for the protocol where that is not said."""
    target_port: UInt32 | None = None
    """Deprecated by Istio, and without effect."""


class IstioIngressListener(Message, frozen=True, kw_only=True):
    """Takes traffic for the workload on one port."""

    port: SidecarPort
    bind: str | None = None
    """An IP address; default: the workload's own."""
    capture_mode: CaptureMode | None = None
    """How traffic comes to the listener; default: as the proxy captures."""
    default_endpoint: str | None = None
    """``127.0.0.1:PORT``, ``[::1]:PORT``, ``0.0.0.0:PORT``, ``[::]:PORT`` or
    ``unix:///path``; default: the port and address connected to."""
    tls: ServerTLSSettings | None = None
    """Terminate TLS with other certificates than the mesh's."""
    connection_pool: ConnectionPoolSettings | None = None
    """Overrides ``Sidecar.inbound_connection_pool``."""


class IstioEgressListener(Message, frozen=True, kw_only=True):
    """Takes traffic the workload sends, to some hosts."""

    port: SidecarPort | None = None
    """Default: the ports of the services among ``hosts``."""
    bind: str | None = None
    """An IP address or ``unix:///path``; needs ``port``."""
    capture_mode: CaptureMode | None = None
    """How traffic comes to the listener; default: as the proxy captures."""
    hosts: tuple[str, ...] = ()
    """``namespace/host``; namespace may be ``.``, ``*`` or ``~`` (none at all)."""


class OutboundTrafficPolicy(Message, frozen=True, kw_only=True):
    """What becomes of traffic to unknown hosts."""

    mode: OutboundMode | None = None
    """Default REGISTRY_ONLY where the message is present, as protobuf's zero."""
    egress_proxy: Destination | None = None
    """Where ALLOW_ANY sends it instead of to its destination."""


class Sidecar(Message, frozen=True, kw_only=True):
    """Listeners and reach of the selected workloads, a namespace, or the mesh."""

    workload_selector: WorkloadSelector | None = None
    """Absent: the whole namespace; in the root namespace: every one without its own."""
    ingress: tuple[IstioIngressListener, ...] = ()
    """Default: what the workload's services say."""
    egress: tuple[IstioEgressListener, ...] = ()
    """Default: every host that is exported to the namespace."""
    inbound_connection_pool: ConnectionPoolSettings | None = None
    """Limits of the connections from the proxy to the workload."""
    outbound_traffic_policy: OutboundTrafficPolicy | None = None
    """Default: the mesh's."""
