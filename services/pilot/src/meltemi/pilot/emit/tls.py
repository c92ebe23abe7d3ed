"""Transport sockets: plain, the mesh's mutual TLS, and either by endpoint.

Certificates come over SDS from the agent beside Envoy, so keys never leave the
workload's machine. Shapes after Istio's (pilot/pkg/security/model/authentication.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.core.v3.config_source_pb2 import (
    ApiConfigSource,
    ApiVersion,
    ConfigSource,
)
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    SubjectAltNameMatcher,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import (
    CommonTlsContext,
    DownstreamTlsContext,
    UpstreamTlsContext,
)
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BoolValue

from meltemi.pilot import ir
from meltemi.pilot.emit.endpoint import TLS_ISTIO, TLS_MODE
from meltemi.pilot.emit.wire import duration, packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envoy.config.cluster.v3.cluster_pb2 import Cluster

CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)
"""What Istio's servers accept under TLS 1.2; TLS 1.3 has its own fixed list."""

SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"
"""What Debian, Ubuntu and Alpine trust: for servers outside, where no CA is named."""


def server(tls: ir.MeshServer) -> TransportSocket:
    """Return a socket that asks callers for a certificate of the mesh."""
    prefixes = (StringMatcher(prefix=each) for each in tls.identity_prefixes)
    common = _mesh_context(prefixes, tls.alpn)
    common.tls_params.CopyFrom(_parameters(CIPHERS))
    return _tls_socket(
        DownstreamTlsContext(
            common_tls_context=common,
            require_client_certificate=BoolValue(value=True),
        )
    )


def secure(cluster: Cluster, client: ir.Client) -> None:
    """Give ``cluster`` the transport that ``client`` describes."""
    match client:
        case ir.PlainClient():
            return
        case ir.AutoClient(mesh):
            istio = Struct()
            istio.update({TLS_MODE: TLS_ISTIO})
            cluster.transport_socket_matches.add(
                name="tlsMode-istio", match=istio, transport_socket=_mesh_client(mesh)
            )
            cluster.transport_socket_matches.add(
                name="tlsMode-disabled", match=Struct(), transport_socket=_raw()
            )
        case ir.MeshClient():
            cluster.transport_socket.CopyFrom(_mesh_client(client))
        case ir.OriginateClient():
            cluster.transport_socket.CopyFrom(_originating_client(client))


def _mesh_client(client: ir.MeshClient) -> TransportSocket:
    identities = (StringMatcher(exact=each) for each in client.identities)
    return _tls_socket(
        UpstreamTlsContext(
            common_tls_context=_mesh_context(identities, client.alpn), sni=client.sni
        )
    )


def _originating_client(client: ir.OriginateClient) -> TransportSocket:
    context = UpstreamTlsContext(
        common_tls_context=CommonTlsContext(tls_params=_parameters()),
        sni=client.sni,
        auto_host_sni=not client.sni,
    )
    if client.verify:
        trusted = context.common_tls_context.validation_context
        trusted.trusted_ca.filename = client.ca_file or SYSTEM_ROOTS
        names = (StringMatcher(exact=each) for each in client.names)
        trusted.match_typed_subject_alt_names.extend(
            _alt_names(names, SubjectAltNameMatcher.SanType.DNS)
        )
        context.auto_sni_san_validation = not (client.sni or client.names)
    if client.certificate_file:
        own = context.common_tls_context.tls_certificates.add()
        own.certificate_chain.filename = client.certificate_file
        own.private_key.filename = client.key_file
    return _tls_socket(context)


def _mesh_context(
    peers: Iterable[StringMatcher], alpn: Sequence[str]
) -> CommonTlsContext:
    """Return our certificate, and which peers' certificates we take."""
    uri = SubjectAltNameMatcher.SanType.URI
    return CommonTlsContext(
        alpn_protocols=alpn,
        tls_params=_parameters(),
        tls_certificate_sds_secret_configs=[_secret(ir.WORKLOAD_SECRET)],
        combined_validation_context=CommonTlsContext.CombinedCertificateValidationContext(
            default_validation_context=CertificateValidationContext(
                match_typed_subject_alt_names=_alt_names(peers, uri)
            ),
            validation_context_sds_secret_config=_secret(ir.ROOT_SECRET),
        ),
    )


def _alt_names(
    names: Iterable[StringMatcher], kind: SubjectAltNameMatcher.SanType
) -> list[SubjectAltNameMatcher]:
    return [SubjectAltNameMatcher(san_type=kind, matcher=each) for each in names]


def _parameters(ciphers: Sequence[str] = ()) -> TlsParameters:
    return TlsParameters(
        tls_minimum_protocol_version=TlsParameters.TLSv1_2,
        tls_maximum_protocol_version=TlsParameters.TLSv1_3,
        cipher_suites=ciphers,
    )


def _secret(name: str) -> SdsSecretConfig:
    agent = GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name="sds-grpc"))
    return SdsSecretConfig(
        name=name,
        sds_config=ConfigSource(
            resource_api_version=ApiVersion.V3,
            initial_fetch_timeout=duration(0),
            api_config_source=ApiConfigSource(
                api_type=ApiConfigSource.ApiType.GRPC,
                transport_api_version=ApiVersion.V3,
                set_node_on_first_message_only=True,
                grpc_services=[agent],
            ),
        ),
    )


def _raw() -> TransportSocket:
    return TransportSocket(
        name="envoy.transport_sockets.raw_buffer", typed_config=packed(RawBuffer())
    )


def _tls_socket(context: UpstreamTlsContext | DownstreamTlsContext) -> TransportSocket:
    return TransportSocket(
        name="envoy.transport_sockets.tls", typed_config=packed(context)
    )
