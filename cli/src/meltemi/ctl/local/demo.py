"""The demo's workloads, as values."""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "default"
SERVICE_PORT = 9080
GATEWAY = "gateway"
SERVICES = ("productpage", "details", "ratings", "reviews")


@dataclass(frozen=True, slots=True)
class Workload:
    """One application with one identity."""

    app: str
    version: str

    @property
    def name(self) -> str:
        """The name of its agent, its WorkloadEntry and its part."""
        return f"{self.app}-{self.version}"

    @property
    def service_account(self) -> str:
        """Whom its certificate is for."""
        return f"bookinfo-{self.app}"


WORKLOADS = (
    Workload("productpage", "v1"),
    Workload("details", "v1"),
    Workload("ratings", "v1"),
    Workload("reviews", "v1"),
    Workload("reviews", "v2"),
    Workload("reviews", "v3"),
)


def host(service: str) -> str:
    """Return the host of a demo service."""
    return f"{service}.{NAMESPACE}.svc.cluster.local"
