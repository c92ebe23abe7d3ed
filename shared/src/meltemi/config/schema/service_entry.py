"""ServiceEntry: a service the mesh is told about."""

from enum import StrEnum

from meltemi.config.schema.message import Message
from meltemi.config.schema.selector import WorkloadSelector
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.config.values import UInt32


class Location(StrEnum):
    """Whether the service belongs to the mesh, which decides on mTLS and metrics."""

    MESH_EXTERNAL = "MESH_EXTERNAL"
    MESH_INTERNAL = "MESH_INTERNAL"


class Resolution(StrEnum):
    """How a proxy finds the addresses behind the service."""

    NONE = "NONE"
    """Where the application's connection was going anyway."""
    STATIC = "STATIC"
    """The endpoints' own addresses."""
    DNS = "DNS"
    """Look the host up, and use every address."""
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    """Look the host up, and use the first address."""
    DYNAMIC_DNS = "DYNAMIC_DNS"
    """Look up the host each request names (wildcard hosts)."""


class ServicePort(Message, frozen=True, kw_only=True):
    """One port of a service."""

    number: UInt32
    """What clients connect to, 1..65535."""
    protocol: str | None = None
    """HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS; default: TCP."""
    name: str
    """Unique in the service; WorkloadEntry.ports refers to it."""
    target_port: UInt32 | None = None
    """The port endpoints listen on; default: ``number``."""


class ServiceEntry(Message, frozen=True, kw_only=True):
    """A service: its names, its ports, and how its endpoints are found."""

    hosts: tuple[str, ...] = ()
    """Names clients use; a left-most ``*`` label is allowed for some resolutions."""
    addresses: tuple[str, ...] = ()
    """Virtual IP addresses or CIDR ranges clients may connect to."""
    ports: tuple[ServicePort, ...] = ()
    """What the service listens on."""
    location: Location | None = None
    """Default MESH_EXTERNAL."""
    resolution: Resolution | None = None
    """Default NONE."""
    endpoints: tuple[WorkloadEntry, ...] = ()
    """Workloads listed here; not together with ``workload_selector``."""
    workload_selector: WorkloadSelector | None = None
    """Workloads of the same namespace found by label; MESH_INTERNAL only."""
    export_to: tuple[str, ...] = ()
    """Namespaces that see it: names, ``.`` for its own, ``*``; default everywhere."""
    subject_alt_names: tuple[str, ...] = ()
    """Names the server's certificate must carry."""
