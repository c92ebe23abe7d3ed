"""Transport sockets: plain, the mesh's mutual TLS, and either by endpoint.

Certificates come over SDS from the agent beside Envoy, so keys never leave the
workload's machine. Shapes after Istio's (pilot/pkg/security/model/authentication.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.core.v3.config_source_pb2 import (
    AggregatedConfigSource,
    ApiConfigSource,
    ApiVersion,
    ConfigSource,
)
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.proxy_protocol_pb2 import ProxyProtocolConfig
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import (  # noqa: E501 - Envoy's name
    ProxyProtocolUpstreamTransport,
)
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
from meltemi.pilot.emit.match import string
from meltemi.pilot.emit.wire import duration, packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envoy.config.cluster.v3.cluster_pb2 import Cluster

AGENT = ir.SecretSource.AGENT
VERSIONS = {1: ProxyProtocolConfig.V1, 2: ProxyProtocolConfig.V2}
TLS_VERSIONS = {
    "": TlsParameters.TLS_AUTO,
    "TLSv1_0": TlsParameters.TLSv1_0,
    "TLSv1_1": TlsParameters.TLSv1_1,
    "TLSv1_2": TlsParameters.TLSv1_2,
    "TLSv1_3": TlsParameters.TLSv1_3,
}
SPIFFE = "spiffe://"
URI = SubjectAltNameMatcher.SanType.URI
SAN_TYPES = (
    SubjectAltNameMatcher.SanType.DNS,
    SubjectAltNameMatcher.SanType.URI,
    SubjectAltNameMatcher.SanType.EMAIL,
    SubjectAltNameMatcher.SanType.IP_ADDRESS,
)
"""A name the user wrote may be of any of them."""


def server(tls: ir.Server) -> TransportSocket:
    """Return the server's side of TLS."""
    match tls:
        case ir.MeshServer():
            context = _mesh_server(tls)
        case ir.TerminateServer():
            context = _terminating(tls)
    return _tls_socket(context)


def _mesh_server(tls: ir.MeshServer) -> DownstreamTlsContext:
    """Return a context that asks callers for a certificate of the mesh."""
    prefixes = [
        SubjectAltNameMatcher(san_type=URI, matcher=StringMatcher(prefix=each))
        for each in tls.identity_prefixes
    ]
    common = _mesh_context(prefixes, tls.alpn)
    _negotiate(common, tls.parameters)
    return DownstreamTlsContext(
        common_tls_context=common,
        require_client_certificate=BoolValue(value=True),
    )


def _terminating(tls: ir.TerminateServer) -> DownstreamTlsContext:
    common = CommonTlsContext(
        alpn_protocols=tls.alpn,
        tls_certificate_sds_secret_configs=[_secret(each) for each in tls.certificates],
    )
    _negotiate(common, tls.parameters)
    checks = CertificateValidationContext(
        match_typed_subject_alt_names=[
            SubjectAltNameMatcher(san_type=kind, matcher=string(name))
            for name in tls.names
            for kind in SAN_TYPES
        ],
        verify_certificate_spki=tls.spki,
        verify_certificate_hash=tls.hashes,
    )
    if tls.accept_untrusted:
        checks.trust_chain_verification = checks.ACCEPT_UNTRUSTED
    if tls.revoked:
        checks.crl.filename = tls.revoked
    if tls.root is not None:
        combined = common.combined_validation_context
        combined.default_validation_context.CopyFrom(checks)
        combined.validation_context_sds_secret_config.CopyFrom(_secret(tls.root))
    elif checks.ListFields():
        common.validation_context.CopyFrom(checks)
    return DownstreamTlsContext(
        common_tls_context=common,
        require_client_certificate=BoolValue(value=tls.require_client),
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
                name="tlsMode-istio", match=istio, transport_socket=_client(mesh)
            )
            cluster.transport_socket_matches.add(
                name="tlsMode-disabled", match=Struct(), transport_socket=_raw()
            )
        case ir.MeshClient() | ir.OriginateClient():
            cluster.transport_socket.CopyFrom(_client(client))
        case ir.AnnouncedClient(version, inner):
            secure(cluster, inner)
            _announce(cluster, version)


def _announce(cluster: Cluster, version: int) -> None:
    """Wrap every transport of ``cluster`` in the PROXY protocol."""
    if not cluster.transport_socket_matches:
        plain = not cluster.HasField("transport_socket")
        inner = _raw() if plain else cluster.transport_socket
        cluster.transport_socket.CopyFrom(_announcing(inner, version))
    for match in cluster.transport_socket_matches:
        match.transport_socket.CopyFrom(_announcing(match.transport_socket, version))


def _announcing(inner: TransportSocket, version: int) -> TransportSocket:
    config = ProxyProtocolUpstreamTransport(transport_socket=inner)
    config.config.version = VERSIONS[version]
    return TransportSocket(
        name="envoy.transport_sockets.upstream_proxy_protocol",
        typed_config=packed(config),
    )


def _client(client: ir.MeshClient | ir.OriginateClient) -> TransportSocket:
    if isinstance(client, ir.OriginateClient):
        return _originating_client(client)
    context = _mesh_context(_names(client.identities), client.alpn)
    context.tls_params.CopyFrom(_parameters(client.parameters))
    return _tls_socket(UpstreamTlsContext(common_tls_context=context, sni=client.sni))


def _originating_client(client: ir.OriginateClient) -> TransportSocket:
    common = CommonTlsContext(
        tls_params=_parameters(client.parameters), alpn_protocols=client.alpn
    )
    if client.certificate:
        own = _secret(client.certificate)
        common.tls_certificate_sds_secret_configs.append(own)
    if client.root is None:
        if not client.certificate or client.certificate.source is AGENT:
            common.validation_context.SetInParent()
    else:
        combined = common.combined_validation_context
        trusted = combined.default_validation_context
        trusted.match_typed_subject_alt_names.extend(_names(client.names))
        if client.revoked:
            trusted.crl.filename = client.revoked
        trusted.SetInParent()
        combined.validation_context_sds_secret_config.CopyFrom(_secret(client.root))
    return _tls_socket(UpstreamTlsContext(common_tls_context=common, sni=client.sni))


def _mesh_context(
    peers: Iterable[SubjectAltNameMatcher], alpn: Sequence[str]
) -> CommonTlsContext:
    """Return our certificate, and which peers' certificates we take."""
    return CommonTlsContext(
        alpn_protocols=alpn,
        tls_certificate_sds_secret_configs=[_secret(ir.Secret(ir.WORKLOAD_SECRET))],
        combined_validation_context=CommonTlsContext.CombinedCertificateValidationContext(
            default_validation_context=CertificateValidationContext(
                match_typed_subject_alt_names=peers
            ),
            validation_context_sds_secret_config=_secret(ir.Secret(ir.ROOT_SECRET)),
        ),
    )


def _names(names: Iterable[str]) -> list[SubjectAltNameMatcher]:
    """Return matchers of ``names``: a SPIFFE id is a URI, others may be anything."""
    return [
        SubjectAltNameMatcher(san_type=kind, matcher=StringMatcher(exact=name))
        for name in names
        for kind in ((URI,) if name.startswith(SPIFFE) else SAN_TYPES)
    ]


def _negotiate(common: CommonTlsContext, given: ir.Parameters) -> None:
    """Limit what may be negotiated; nothing said leaves it to Envoy."""
    if given != NOTHING_SAID:
        common.tls_params.CopyFrom(_parameters(given))


NOTHING_SAID = ir.Parameters(minimum="", maximum="")


def _parameters(given: ir.Parameters) -> TlsParameters:
    return TlsParameters(
        tls_minimum_protocol_version=TLS_VERSIONS[given.minimum],
        tls_maximum_protocol_version=TLS_VERSIONS[given.maximum],
        cipher_suites=given.ciphers,
        ecdh_curves=given.curves,
    )


def _secret(secret: ir.Secret) -> SdsSecretConfig:
    if secret.source is ir.SecretSource.CONTROL_PLANE:
        ads = ConfigSource(
            resource_api_version=ApiVersion.V3, ads=AggregatedConfigSource()
        )
        return SdsSecretConfig(name=secret.name, sds_config=ads)
    agent = GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name="sds-grpc"))
    return SdsSecretConfig(
        name=secret.name,
        sds_config=ConfigSource(
            resource_api_version=ApiVersion.V3,
            initial_fetch_timeout=None if secret.wait else duration(0),
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
