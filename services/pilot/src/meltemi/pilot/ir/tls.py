"""How a connection is secured, seen from either end."""

from __future__ import annotations

from dataclasses import dataclass

WORKLOAD_SECRET = "default"  # noqa: S105 - the name of an SDS secret, not one
"""The SDS name of the workload's own certificate, as Istio's agents serve it."""

ROOT_SECRET = "ROOTCA"  # noqa: S105 - the name of an SDS secret, not one
"""The SDS name of the bundle that peers are checked against."""


@dataclass(frozen=True, slots=True)
class MeshClient:
    """Mutual TLS towards workloads of the mesh.

    Attributes:
        sni: ``outbound_.PORT_.SUBSET_.HOST``: the server picks the chain by it.
        identities: SPIFFE ids the server may have. Empty: any of the mesh's.
        alpn: Protocols to offer, most wanted first.

    """

    sni: str
    identities: tuple[str, ...]
    alpn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OriginateClient:
    """Ordinary TLS towards a server outside the mesh.

    ``sni`` and ``names`` empty mean: take them from the request's host, and check
    the certificate against that. Files are paths on the proxy's machine; without a
    ``ca_file`` the system's roots are trusted.
    """

    sni: str = ""
    names: tuple[str, ...] = ()
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class AutoClient:
    """Mutual TLS where the endpoint speaks it, plain text where it doesn't."""

    mesh: MeshClient


@dataclass(frozen=True, slots=True)
class PlainClient:
    """No TLS."""


Client = MeshClient | OriginateClient | AutoClient | PlainClient


@dataclass(frozen=True, slots=True)
class MeshServer:
    """Mutual TLS for callers whose id starts with one of ``identity_prefixes``."""

    identity_prefixes: tuple[str, ...]
    alpn: tuple[str, ...]
