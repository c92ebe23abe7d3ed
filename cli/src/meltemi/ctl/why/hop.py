"""One request as one proxy logged it: a line of its access log. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FAILURE: Final = 400
TAKEN_BY_NONE: Final = "filter_chain_not_found"
"""Of a connection for which a proxy has no filter chain."""
OWN: Final = "via_upstream"
"""What Envoy says of an answer that is not its own."""
UNSAID: Final = "?"
"""Of what a log of another format does not tell."""


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """What one proxy said; the fields are those of Pilot's usual log."""

    proxy: str = ""
    request_id: str | None = None
    trace_id: str | None = None
    """Of a proxy with a tracer, whether or not the request is sampled."""
    start_time: str = ""
    method: str | None = None
    path: str | None = None
    authority: str | None = None
    response_code: int = 0
    response_flags: str | None = None
    response_code_details: str | None = None
    duration: int | None = None
    route_name: str | None = None
    upstream_cluster: str | None = None
    upstream_host: str | None = None
    upstream_local_address: str | None = None
    downstream_local_address: str | None = None
    downstream_remote_address: str | None = None
    upstream_peer_uri_san: str | None = None
    upstream_transport_failure_reason: str | None = None
    downstream_peer_uri_san: str | None = None
    downstream_transport_failure_reason: str | None = None
    connection_termination_details: str | None = None
    grpc_status: int | None = None
    """Of a gRPC call; its HTTP status is 200 whatever came of it."""
    token_issuer: str | None = UNSAID
    """Who issued the token that was accepted; None: there was none."""

    @property
    def began(self) -> float | None:
        """When it began, in seconds since the epoch; None if its log does not tell."""
        return seconds(self.start_time)

    @property
    def flags(self) -> tuple[str, ...]:
        """Envoy's response flags."""
        said = (self.response_flags or "").split(",")
        return tuple(each for each in said if each not in ("", "-"))

    @property
    def details(self) -> str:
        """How the answer came about, by Envoy's word."""
        return self.response_code_details or ""

    @property
    def answered_itself(self) -> bool:
        """Whether the proxy made the answer, and nobody behind it."""
        return self.details != OWN

    @property
    def failed(self) -> bool:
        """Whether there was no good answer."""
        code = self.response_code
        return code >= FAILURE or code == 0 or bool(self.grpc_status)

    @property
    def inbound(self) -> bool:
        """Whether the proxy is the server's."""
        return (self.upstream_cluster or "").startswith("inbound|")

    @property
    def cluster(self) -> tuple[str, str, str]:
        """Port, subset and host of the service that was called; empty: unknown.

        Source: pilot/pkg/model/service.go BuildSubsetKey.
        """
        match (self.upstream_cluster or "").rstrip(";").split("|"):
            case [_, port, subset, host]:
                return port, subset, host
            case _:
                return "", "", ""

    @property
    def called(self) -> str:
        """Which service was called, as far as the proxy knew."""
        return self.cluster[2]


def hops(logs: Mapping[str, str]) -> list[Hop]:
    """Return every request in ``logs``, texts by their proxy; the oldest first."""
    found = [
        each for proxy, text in logs.items() for each in read(proxy, text.splitlines())
    ]
    return sorted(
        (each for each in found if each.request_id), key=lambda each: each.start_time
    )


def read(proxy: str, lines: Iterable[str]) -> Iterator[Hop]:
    """Yield what ``lines`` of a proxy's log say, in the format that is usual here."""
    for line in lines:
        if not (line.startswith("{") and '"request_id"' in line):
            continue
        try:
            hop = msgspec.json.decode(line, type=Hop)
        except msgspec.MsgspecError:
            continue  # a log of somebody's own format, or cut
        yield msgspec.structs.replace(hop, proxy=proxy)


def seconds(time: str) -> float | None:
    """Return ``time`` (RFC 3339) since the epoch; None for one of another format."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None
