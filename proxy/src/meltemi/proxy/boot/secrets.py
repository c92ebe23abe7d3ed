"""TLS of what an Envoy is born with: certificates come from the agent. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.schema.traffic_policy import ClientTLSMode
from meltemi.proxy.file_secrets import CERTIFICATE, ROOT, SYSTEM
from meltemi.proxy.secrets import DEFAULT, ROOTCA

if TYPE_CHECKING:
    from meltemi.config.schema.traffic_policy import ClientTLSSettings
    from meltemi.proxy.boot.plain import JSON

TLS: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
SOCKET: Final = "envoy.transport_sockets.tls"


def upstream_socket(
    whose: str, tls: ClientTLSSettings, alpn: tuple[str, ...]
) -> JSON | None:
    """Return TLS as ``tls`` asks for it; None where it asks for none.

    Raises:
        ValueError: If it asks for what no agent serves.

    """
    if tls.mode in (None, ClientTLSMode.DISABLE):
        return None
    if tls.credential_name or tls.ca_crl or tls.insecure_skip_verify:
        raise ValueError(
            f"tlsSettings of {whose}: credentialName, caCrl and insecureSkipVerify "
            "are not served at a proxy's start: name files"
        )
    context = _common(_certificate(whose, tls), _roots(tls), tls.subject_alt_names)
    if alpn:
        context["alpn_protocols"] = list(alpn)
    made: dict[str, JSON] = {
        "@type": f"{TLS}UpstreamTlsContext",
        "common_tls_context": context,
    }
    if tls.sni:
        made["sni"] = tls.sni
    return {"name": SOCKET, "typed_config": made}


def downstream_socket() -> JSON:
    """Return mutual TLS towards clients, with the workload's own certificate."""
    return {
        "name": SOCKET,
        "typed_config": {
            "@type": f"{TLS}DownstreamTlsContext",
            "require_client_certificate": True,
            "common_tls_context": _common(DEFAULT, ROOTCA, ()),
        },
    }


def _certificate(whose: str, tls: ClientTLSSettings) -> str:
    if tls.mode is ClientTLSMode.ISTIO_MUTUAL:
        return DEFAULT
    if tls.mode is not ClientTLSMode.MUTUAL:
        return ""
    if not tls.client_certificate or not tls.private_key:
        raise ValueError(
            f"tlsSettings of {whose}: MUTUAL needs clientCertificate and privateKey"
        )
    return f"{CERTIFICATE}{tls.client_certificate}~{tls.private_key}"


def _roots(tls: ClientTLSSettings) -> str:
    if tls.mode is ClientTLSMode.ISTIO_MUTUAL:
        return ROOTCA
    return ROOT + (tls.ca_certificates or SYSTEM)


def _common(certificate: str, roots: str, names: tuple[str, ...]) -> dict[str, JSON]:
    matches: list[JSON] = [
        {"san_type": kind, "matcher": {"exact": name}}
        for name in names
        for kind in ("DNS", "URI")
    ]
    made: dict[str, JSON] = {
        "combined_validation_context": {
            "default_validation_context": (
                {"match_typed_subject_alt_names": matches} if matches else {}
            ),
            "validation_context_sds_secret_config": _secret(roots),
        }
    }
    if certificate:
        made["tls_certificate_sds_secret_configs"] = [_secret(certificate)]
    return made


def _secret(name: str) -> JSON:
    agent: JSON = {"envoy_grpc": {"cluster_name": "sds-grpc"}}
    return {
        "name": name,
        "sds_config": {
            "resource_api_version": "V3",
            "api_config_source": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [agent],
            },
        },
    }
