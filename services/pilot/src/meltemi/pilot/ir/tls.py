"""How a connection is secured, seen from either end."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.ir.origin import Origins
    from meltemi.pilot.ir.route import StringTest

WORKLOAD_SECRET = "default"  # noqa: S105 - the name of an SDS secret, not one
"""The SDS name of the workload's own certificate, as Istio's agents serve it."""

ROOT_SECRET = "ROOTCA"  # noqa: S105 - the name of an SDS secret, not one
"""The SDS name of the bundle that peers are checked against."""


class SecretSource(StrEnum):
    """Who serves a secret over SDS."""

    AGENT = "agent"
    """The agent beside Envoy: the workload's own, or files it reads."""
    CONTROL_PLANE = "control-plane"
    """On the stream this configuration comes over."""


@dataclass(frozen=True, slots=True)
class Secret:
    """An SDS secret, by name."""

    name: str
    source: SecretSource = SecretSource.AGENT
    wait: bool = False
    """Whether what needs it stands still until it is there."""


@dataclass(frozen=True, slots=True)
class ServedSecret:
    """What is in a secret: a certificate with its key, or roots. PEM, never printed."""

    name: str
    chain: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    roots: str = field(default="", repr=False)
    origins: Origins = ()


@dataclass(frozen=True, slots=True)
class Parameters:
    """What TLS may negotiate; empty: Envoy's own choice."""

    minimum: str = "TLSv1_2"
    maximum: str = "TLSv1_3"
    ciphers: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MeshClient:
    """Mutual TLS towards workloads of the mesh.

    Attributes:
        sni: ``outbound_.PORT_.SUBSET_.HOST``: the server picks the chain by it.
        identities: SPIFFE ids the server may have. Empty: any of the mesh's.
        alpn: Protocols to offer, most wanted first.
        parameters: What may be negotiated.

    """

    sni: str
    identities: tuple[str, ...]
    alpn: tuple[str, ...]
    parameters: Parameters = field(default_factory=Parameters)


@dataclass(frozen=True, slots=True)
class OriginateClient:
    """TLS towards a server with the user's own certificates.

    ``sni`` empty means: from the request's host. Without a ``root`` the server's
    certificate is not checked.
    """

    sni: str = ""
    names: tuple[str, ...] = ()
    """Names the server's certificate may have; empty: any."""
    root: Secret | None = None
    certificate: Secret | None = None
    alpn: tuple[str, ...] = ()
    revoked: str = ""
    """Path of a list of revoked certificates."""
    parameters: Parameters = field(default_factory=Parameters)


@dataclass(frozen=True, slots=True)
class AutoClient:
    """Mutual TLS where the endpoint speaks it, plain text where it doesn't."""

    mesh: MeshClient | OriginateClient


@dataclass(frozen=True, slots=True)
class PlainClient:
    """No TLS."""


@dataclass(frozen=True, slots=True)
class AnnouncedClient:
    """A client that tells the server the caller's address first (PROXY protocol)."""

    version: int
    inner: MeshClient | OriginateClient | AutoClient | PlainClient


Client = MeshClient | OriginateClient | AutoClient | PlainClient | AnnouncedClient


@dataclass(frozen=True, slots=True)
class MeshServer:
    """Mutual TLS for callers whose id starts with one of ``identity_prefixes``."""

    identity_prefixes: tuple[str, ...]
    alpn: tuple[str, ...]
    parameters: Parameters = field(default_factory=Parameters)


@dataclass(frozen=True, slots=True)
class TerminateServer:
    """TLS ended for callers from outside, with the user's own certificates.

    Attributes:
        certificates: What the server shows; clients get the one that suits them.
        root: What clients' certificates are checked against; None: not at all.
        require_client: Whether a client must show a certificate.
        accept_untrusted: Whether one that does not check out is let in all the same.
        names: Names clients' certificates may have; empty: any.
        spki: Hashes of public keys of clients; empty: any.
        hashes: Hashes of certificates of clients; empty: any.

    """

    certificates: tuple[Secret, ...] = ()
    root: Secret | None = None
    require_client: bool = False
    accept_untrusted: bool = False
    names: tuple[StringTest, ...] = ()
    spki: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()
    revoked: str = ""
    parameters: Parameters = field(default_factory=Parameters)


Server = MeshServer | TerminateServer
