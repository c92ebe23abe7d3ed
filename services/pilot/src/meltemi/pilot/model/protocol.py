"""What a port speaks.

Source: pkg/config/protocol/instance.go.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Protocol(StrEnum):
    """A protocol, by Istio's name for it."""

    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    HTTP_PROXY = "HTTP_PROXY"
    HTTPS = "HTTPS"
    TLS = "TLS"
    TCP = "TCP"
    UDP = "UDP"
    MONGO = "Mongo"
    REDIS = "Redis"
    MYSQL = "MySQL"
    HBONE = "HBONE"
    DETECTED = "UnsupportedProtocol"
    """Nobody said: the proxy looks at the first bytes of each connection."""

    @property
    def is_http(self) -> bool:
        """Whether requests can be told apart and routed one by one."""
        return self in HTTP

    @property
    def is_http2(self) -> bool:
        """Whether endpoints are spoken to in HTTP/2."""
        return self in HTTP2

    @property
    def is_tls(self) -> bool:
        """Whether the application itself encrypts: routed by server name."""
        return self in (Protocol.HTTPS, Protocol.TLS)

    @property
    def is_tcp(self) -> bool:
        """Whether bytes are passed on; database protocols and TLS are among them."""
        return self in TCP

    @property
    def is_detected(self) -> bool:
        """Whether the proxy finds out by itself."""
        return self is Protocol.DETECTED


HTTP2: Final = (Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB)
HTTP: Final = (Protocol.HTTP, Protocol.HTTP_PROXY, *HTTP2)
TCP: Final = (
    Protocol.TCP,
    Protocol.HTTPS,
    Protocol.TLS,
    Protocol.MONGO,
    Protocol.REDIS,
    Protocol.MYSQL,
)
_BY_WORD: Final = {each.value.lower(): each for each in Protocol} | {
    "http_proxy": Protocol.HTTP_PROXY,
}


def protocol(word: str | None) -> Protocol:
    """Return the protocol called ``word``, in any case; unknown words: detected."""
    return _BY_WORD.get((word or "").lower(), Protocol.DETECTED)
