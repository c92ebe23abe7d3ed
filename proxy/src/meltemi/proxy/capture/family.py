"""The addresses that differ between IPv4 and IPv6."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """One IP version's addresses.

    Attributes:
        version: 4 or 6.
        loopback: Where applications of one workload talk to each other.
        inbound_source: The source of Envoy's connections to the application.
        extra_address: To be added to the loopback interface; empty: it has it.

    """

    version: int
    loopback: str
    inbound_source: str
    extra_address: str


IPV4 = Family(4, "127.0.0.1/32", "127.0.0.6/32", "")
IPV6 = Family(6, "::1/128", "::6/128", "::6/128")


def family(version: int) -> Family:
    """Return the addresses of IP ``version``, 4 or 6."""
    return IPV6 if version == IPV6.version else IPV4
