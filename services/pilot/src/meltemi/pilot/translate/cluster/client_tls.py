"""How a proxy secures its connections to a service.

Source: pilot/pkg/networking/core/cluster_tls.go buildUpstreamTLSSettings and
applyUpstreamTLSSettings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.mesh_config import MeshTLSProtocol
from meltemi.config.schema.traffic_policy import ClientTLSMode, ProxyProtocolVersion
from meltemi.pilot import ir

if TYPE_CHECKING:
    from meltemi.config.schema.mesh_config import TLSConfig
    from meltemi.config.schema.traffic_policy import (
        ClientTLSSettings,
        ProxyProtocol,
    )
    from meltemi.pilot.scope.node import NodeSettings

MESH_ALPN: Final = ("istio-peer-exchange", "istio")
MESH_HTTP2_ALPN: Final = (*MESH_ALPN, "h2")
"""What a mesh client offers: the server tells mesh from application TLS by it."""
HTTP2_ALPN: Final = ("h2",)
SYSTEM_ROOTS: Final = "system"
"""Istio's name for the authorities that the proxy's machine trusts."""
GATEWAY_CREDENTIALS: Final = "kubernetes://"


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is called, as far as TLS must know.

    Attributes:
        sni: What mesh clients ask for.
        identities: SPIFFE ids the service's endpoints have.
        names: Names a ServiceEntry says its certificates have.
        automatic: Whether mutual TLS is used where the endpoint speaks it.
        credentials: Whether the control plane gives this proxy certificates by name.

    """

    sni: str
    identities: tuple[str, ...]
    names: tuple[str, ...]
    automatic: bool
    credentials: bool


def secured(
    cluster: ir.Cluster,
    tls: ClientTLSSettings | None,
    peer: Peer,
    node: NodeSettings,
    limits: TLSConfig | None,
) -> ir.Cluster:
    """Return ``cluster`` with the transport towards ``peer``.

    Without TLS settings, services of the mesh are asked for mutual TLS endpoint by
    endpoint ("auto mTLS"), others are called in plain text. Settings without a mode
    mean DISABLE, the first word of Istio's enumeration.
    """
    if tls is None:
        return _automatic(cluster, peer, node) if peer.automatic else cluster
    mode = tls.mode or ClientTLSMode.DISABLE
    if mode is ClientTLSMode.DISABLE:
        return cluster
    if mode is ClientTLSMode.ISTIO_MUTUAL:
        given = replace(
            peer,
            sni=tls.sni or peer.sni,
            identities=tls.subject_alt_names or peer.identities,
        )
        return replace(cluster, client=_mesh(cluster, given, node))
    return _originating(cluster, tls, peer, limits)


def _automatic(cluster: ir.Cluster, peer: Peer, node: NodeSettings) -> ir.Cluster:
    mesh = _mesh(cluster, peer, node)
    if cluster.discovery is ir.Discovery.ORIGINAL_DST:
        return replace(cluster, client=mesh)
    return replace(cluster, client=ir.AutoClient(mesh))


def _mesh(
    cluster: ir.Cluster, peer: Peer, node: NodeSettings
) -> ir.MeshClient | ir.OriginateClient:
    """Return mutual TLS with the workload's identity, or with files the node names."""
    alpn = MESH_HTTP2_ALPN if _http2(cluster) else MESH_ALPN
    if node.tls_client_certificate:
        files = f"file-cert:{node.tls_client_certificate}~{node.tls_client_key}"
        return ir.OriginateClient(
            sni=peer.sni,
            names=peer.identities,
            root=ir.Secret(f"file-root:{node.tls_client_root}", wait=True),
            certificate=ir.Secret(files, wait=True),
            alpn=alpn,
        )
    return ir.MeshClient(sni=peer.sni, identities=peer.identities, alpn=alpn)


def _http2(cluster: ir.Cluster) -> bool:
    return cluster.http is not None and cluster.http.version is ir.HttpVersion.HTTP2


def _originating(
    cluster: ir.Cluster,
    tls: ClientTLSSettings,
    peer: Peer,
    limits: TLSConfig | None,
) -> ir.Cluster:
    verify = not tls.insecure_skip_verify
    names = tls.subject_alt_names or peer.names
    by_name = tls.credential_name if peer.credentials else None
    client = ir.OriginateClient(
        sni=tls.sni or "",
        names=names if verify else (),
        root=_root(tls, by_name) if verify else None,
        certificate=_certificate(tls, by_name),
        alpn=HTTP2_ALPN if _http2(cluster) else (),
        revoked=tls.ca_crl or "",
        parameters=_parameters(limits),
    )
    if client.certificate or tls.mode is not ClientTLSMode.MUTUAL:
        cluster = replace(cluster, client=client)
    cluster = replace(cluster, own_alpn=True)
    if tls.sni:
        return cluster
    options = replace(
        cluster.http or ir.HttpOptions(),
        server_name_from_host=True,
        verify_host=verify and not tls.subject_alt_names,
    )
    return replace(cluster, http=options)


def _root(tls: ClientTLSSettings, by_name: str | None) -> ir.Secret:
    if by_name:
        name = by_name.removesuffix("-cacert")
        return _credential(f"{name}-cacert")
    return ir.Secret(f"file-root:{tls.ca_certificates or SYSTEM_ROOTS}", wait=True)


def _certificate(tls: ClientTLSSettings, by_name: str | None) -> ir.Secret | None:
    if tls.mode is not ClientTLSMode.MUTUAL:
        return None
    if by_name:
        return _credential(by_name)
    if not tls.client_certificate:
        return None  # refused at the door: nothing to show the server
    files = f"file-cert:{tls.client_certificate}~{tls.private_key}"
    return ir.Secret(files, wait=True)


def _credential(name: str) -> ir.Secret:
    if "://" not in name:
        name = f"{GATEWAY_CREDENTIALS}{name}"
    return ir.Secret(name, ir.SecretSource.CONTROL_PLANE, wait=True)


def _parameters(limits: TLSConfig | None) -> ir.Parameters:
    if limits is None:
        return ir.Parameters()
    newest = limits.min_protocol_version is MeshTLSProtocol.TLSV1_3
    return ir.Parameters(
        minimum="TLSv1_3" if newest else "TLSv1_2",
        ciphers=limits.cipher_suites,
        curves=limits.ecdh_curves,
    )


def announced(cluster: ir.Cluster, given: ProxyProtocol | None) -> ir.Cluster:
    """Return ``cluster``, which tells servers the caller's address where asked to."""
    if given is None:
        return cluster
    client = cluster.client
    if isinstance(client, ir.AnnouncedClient):
        return cluster
    version = 2 if given.version is ProxyProtocolVersion.V2 else 1
    return replace(cluster, client=ir.AnnouncedClient(version, client))
