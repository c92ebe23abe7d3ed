"""What the agent counts of names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class DnsMetrics:
    """The counters of one agent."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str) -> Counter:
            return Counter(f"meltemi_agent_dns_{name}", what, registry=registry)

        self.requests = counter("requests", "Questions of applications.")
        self.upstream_requests = counter(
            "upstream_requests", "Questions to the nameservers of the machine."
        )
        self.upstream_failures = counter(
            "upstream_failures", "Questions that a nameserver did not answer."
        )
        self.cache_hits = counter(
            "cache_hits", "Questions answered with what a nameserver said before."
        )
        self.failures = counter(
            "failures", "Questions that nobody could answer: SERVFAIL."
        )
