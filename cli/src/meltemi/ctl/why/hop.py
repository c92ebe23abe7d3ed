"""One request as one proxy logged it: a line of its access log. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FAILURE: Final = 400
OWN: Final = "via_upstream"
"""What Envoy says of an answer that is not its own."""
UNSERVED: Final = "filter_chain_not_found"
"""What a listener says of a connection that is none of those it takes."""
UNSAID: Final = "?"
"""Of what a log of another format does not tell."""


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """What one proxy said; the fields are those of Pilot's usual log."""

    proxy: str = ""
    request_id: str | None = None
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
    upstream_peer_uri_san: str | None = None
    upstream_transport_failure_reason: str | None = None
    downstream_remote_address: str | None = None
    downstream_peer_uri_san: str | None = None
    downstream_transport_failure_reason: str | None = None
    connection_termination_details: str | None = None
    requested_server_name: str | None = None
    grpc_status: int | None = None
    """Of a gRPC call; its HTTP status is 200 whatever came of it."""
    token_issuer: str | None = UNSAID
    """Who issued the token that was accepted; None: there was none."""

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
    def called(self) -> str:
        """Which service was called, as far as the proxy knew."""
        parts = (self.upstream_cluster or "").rstrip(";").split("|")
        return parts[3] if len(parts) > 3 else ""  # noqa: PLR2004 - direction, port, subset, host


def hops(logs: Mapping[str, str]) -> list[Hop]:
    """Return every request in ``logs``, texts by their proxy; the oldest first."""
    return [each for each in _lines(logs) if each.request_id]


def turned_away(logs: Mapping[str, str]) -> dict[str, Hop]:
    """Return by the caller's address the connections that a listener did not take.

    They came without a name in a TLS greeting: mostly without TLS. Of addresses that
    were used again the newest counts.
    """
    return {
        each.downstream_remote_address: each
        for each in _lines(logs)
        if each.details == UNSERVED
        and each.downstream_remote_address
        and not each.requested_server_name
    }


def _lines(logs: Mapping[str, str]) -> list[Hop]:
    found = [
        each for proxy, text in logs.items() for each in _of(proxy, text.splitlines())
    ]
    return sorted(found, key=lambda each: each.start_time)


def _of(proxy: str, lines: Iterable[str]) -> Iterator[Hop]:
    for line in lines:
        if not (line.startswith("{") and '"request_id"' in line):
            continue
        try:
            hop = msgspec.json.decode(line, type=Hop)
        except msgspec.MsgspecError:
            continue  # a log of somebody's own format, or cut
        yield msgspec.structs.replace(hop, proxy=proxy)
