"""WorkloadEntry: one workload, wherever it runs."""

from collections.abc import Mapping

from meltemi.config.schema.message import Message
from meltemi.config.values import UInt32


class WorkloadEntry(Message, frozen=True, kw_only=True):
    """One workload. Also the form of a ServiceEntry's inline endpoints."""

    address: str | None = None
    """An IP address, a DNS name, or ``unix:///path``; absent only with ``network``."""
    ports: Mapping[str, UInt32] = {}
    """Where it listens: the service's port name to the workload's own port number."""
    labels: Mapping[str, str] = {}
    """What selectors and subsets match on."""
    network: str | None = None
    """The network it can be reached in directly; default: the same as everybody."""
    locality: str | None = None
    """``region/zone/subzone``, for locality-aware load balancing."""
    weight: UInt32 | None = None
    """Share of the traffic relative to its siblings; default 1."""
    service_account: str | None = None
    """The account its certificate names; default ``default``."""
