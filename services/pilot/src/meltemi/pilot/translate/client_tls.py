"""How a proxy secures its connections to a service.

Source: pilot/pkg/networking/core/cluster_tls.go buildAutoMtlsSettings and
applyUpstreamTLSSettings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.traffic_policy import ClientTLSMode
from meltemi.pilot import ir
from meltemi.pilot.translate import name

if TYPE_CHECKING:
    from meltemi.config.schema.traffic_policy import ClientTLSSettings
    from meltemi.pilot.model.protocol import Protocol
    from meltemi.pilot.model.service import Port, Service

HTTP1_ALPN = ("istio-http/1.1", "istio", "http/1.1")
HTTP2_ALPN = ("istio-h2", "istio", "h2")
TCP_ALPN = ("istio-peer-exchange", "istio")
"""What a mesh client offers: the server tells mesh from application TLS by it."""


def mesh_alpn(protocol: Protocol) -> tuple[str, ...]:
    """Return what a mesh client of a port that speaks ``protocol`` offers."""
    if protocol.is_http2:
        return HTTP2_ALPN
    return HTTP1_ALPN if protocol.is_http else TCP_ALPN


def client(
    service: Service,
    port: Port,
    subset: str,
    *,
    tls: ClientTLSSettings | None,
    identities: tuple[str, ...],
) -> ir.Client:
    """Return the transport towards ``port`` of ``service``.

    Without TLS settings, services of the mesh are asked for mutual TLS endpoint by
    endpoint ("auto mTLS"), others are called in plain text. Settings without a mode
    mean DISABLE, the first word of Istio's enumeration.
    """
    names = service.subject_alt_names
    if tls is None:
        if service.external:
            return ir.PlainClient()
        return ir.AutoClient(_mesh(service, port, subset, "", names or identities))
    given = tls.subject_alt_names or names
    match tls.mode or ClientTLSMode.DISABLE:
        case ClientTLSMode.DISABLE:
            return ir.PlainClient()
        case ClientTLSMode.ISTIO_MUTUAL:
            return _mesh(service, port, subset, tls.sni or "", given or identities)
        case ClientTLSMode.SIMPLE | ClientTLSMode.MUTUAL:
            return ir.OriginateClient(
                sni=tls.sni or "",
                names=given,
                ca_file=tls.ca_certificates or "",
                certificate_file=tls.client_certificate or "",
                key_file=tls.private_key or "",
                verify=not tls.insecure_skip_verify,
            )


def _mesh(
    service: Service, port: Port, subset: str, sni: str, identities: tuple[str, ...]
) -> ir.MeshClient:
    return ir.MeshClient(
        sni=sni or name.server_name(port.number, subset, service.host),
        identities=identities,
        alpn=mesh_alpn(port.protocol),
    )
