"""TLS that a gateway, or a Sidecar's port, ends with the user's own certificates.

Source: pilot/pkg/networking/core/gateway.go buildGatewayListenerTLSContext and
pilot/pkg/security/model/authentication.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.schema.gateway import ServerTLSMode, TLSProtocol
from meltemi.config.schema.mesh_config import MeshTLSProtocol
from meltemi.pilot import ir
from meltemi.pilot.translate.cluster.client_tls import GATEWAY_CREDENTIALS

if TYPE_CHECKING:
    from meltemi.config.schema.gateway import ServerTLSSettings
    from meltemi.pilot.scope.scope import Scope

CIPHERS: Final = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)
"""What Istio's servers accept under TLS 1.2; TLS 1.3 has its own fixed list."""
HTTP_ALPN: Final = ("h2", "http/1.1")
VERIFIES: Final = (ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL)
VERSIONS: Final = {
    TLSProtocol.TLSV1_0: "TLSv1_0",
    TLSProtocol.TLSV1_1: "TLSv1_1",
    TLSProtocol.TLSV1_2: "TLSv1_2",
    TLSProtocol.TLSV1_3: "TLSv1_3",
}


def terminating(tls: ServerTLSSettings) -> ir.Server:
    """Return the server's side of TLS as ``tls`` says."""
    if tls.mode is ServerTLSMode.ISTIO_MUTUAL:
        return ir.MeshServer((), HTTP_ALPN, _parameters(tls))
    verifies = tls.mode in VERIFIES
    return ir.TerminateServer(
        certificates=_certificates(tls),
        root=_root(tls) if verifies else None,
        require_client=tls.mode is ServerTLSMode.MUTUAL,
        accept_untrusted=bool(tls.insecure_skip_verify) and verifies,
        names=tuple(
            ir.StringTest(ir.Test.EXACT, each) for each in tls.subject_alt_names
        ),
        spki=tls.verify_certificate_spki,
        hashes=tls.verify_certificate_hash,
        alpn=HTTP_ALPN,
        revoked=tls.ca_crl or "",
        parameters=_parameters(tls),
    )


def mesh_server(scope: Scope, alpn: tuple[str, ...]) -> ir.MeshServer:
    """Return mutual TLS for callers of the mesh, within MeshConfig's limits."""
    limits = scope.config.document.mesh_mtls
    newest = (
        limits is not None and limits.min_protocol_version is MeshTLSProtocol.TLSV1_3
    )
    return ir.MeshServer(
        identity_prefixes=tuple(
            f"spiffe://{domain}/" for domain in scope.config.trust_domains
        ),
        alpn=alpn,
        parameters=ir.Parameters(
            minimum="TLSv1_3" if newest else "TLSv1_2",
            ciphers=(limits.cipher_suites if limits else ()) or CIPHERS,
            curves=limits.ecdh_curves if limits else (),
        ),
    )


def _certificates(tls: ServerTLSSettings) -> tuple[ir.Secret, ...]:
    names = tls.credential_names or (
        (tls.credential_name,) if tls.credential_name else ()
    )
    if names:
        return tuple(_credential(each) for each in names)
    pairs = [
        (each.server_certificate or "", each.private_key or "")
        for each in tls.tls_certificates
    ] or [(tls.server_certificate or "", tls.private_key or "")]
    return tuple(
        ir.Secret(f"file-cert:{chain}~{key}", wait=True)
        for chain, key in pairs
        if chain
    )


def _root(tls: ServerTLSSettings) -> ir.Secret | None:
    if tls.ca_cert_credential_name:
        return _credential(tls.ca_cert_credential_name)
    if tls.credential_name or tls.credential_names:
        name = tls.credential_name or tls.credential_names[0]
        return _credential(f"{name}-cacert")
    if tls.ca_certificates:
        return ir.Secret(f"file-root:{tls.ca_certificates}", wait=True)
    return None


def _credential(name: str) -> ir.Secret:
    if not name.startswith(GATEWAY_CREDENTIALS):
        name = f"{GATEWAY_CREDENTIALS}{name.rpartition('://')[2]}"
    return ir.Secret(name, ir.SecretSource.CONTROL_PLANE, wait=True)


def _parameters(tls: ServerTLSSettings) -> ir.Parameters:
    minimum = tls.min_protocol_version or TLSProtocol.TLS_AUTO
    maximum = tls.max_protocol_version or TLSProtocol.TLS_AUTO
    return ir.Parameters(
        minimum=VERSIONS.get(minimum, ""),
        maximum=VERSIONS.get(maximum, ""),
        ciphers=tls.cipher_suites,
        curves=tls.ecdh_curves,
    )
