"""What policies are judged by: the call, and what earlier filters found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envoy.extensions.filters.network.http_connection_manager.v3 import (
        http_connection_manager_pb2 as hcm,
    )

    from meltemi.pilot.trace.call import Call, Http

FORWARDED = "x-forwarded-for"


class NotModelledError(Exception):
    """A policy asks for what is not simulated; it does not leave this package."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a policy is judged.

    Attributes:
        call: The connection.
        request: None where connections are judged.
        principal: The URI in the peer's certificate; None when the proxy verified
            none, because it does not end TLS or was shown no certificate.
        client: The address of the original client.
        found: What filters left behind: by filter, then by name.

    """

    call: Call
    request: Http | None
    principal: str | None
    client: str
    found: Mapping[str, Mapping[str, object]] = field(
        default_factory=dict[str, "Mapping[str, object]"]
    )


def client_address(
    manager: hcm.HttpConnectionManager, call: Call, request: Http
) -> str:
    """Return whom the manager takes for the client.

    Source:
        source/common/http/conn_manager_utility.cc: the rightmost address of
        ``x-forwarded-for`` that no trusted proxy added, else the peer.

    """
    hops = manager.xff_num_trusted_hops
    if manager.use_remote_address.value:
        if not hops:
            return call.source
        hops -= 1
    passed = (request.header(FORWARDED) or "").split(",")
    if hops >= len(passed):
        return call.source
    address = passed[-1 - hops].strip()
    try:
        return str(ip_address(address))
    except ValueError:
        return call.source
