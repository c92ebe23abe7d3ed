"""The numbers that the fields of Istio's messages have in protobuf.

Source: istio.io/api 1.32, networking/v1alpha3: service_entry.proto, sidecar.proto,
workload_entry.proto, virtual_service.proto, gateway.proto and, of what a client's pool
is, destination_rule.proto; mcp/v1alpha1/resource.proto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.schema import (
    gateway,
    http_fault,
    http_match,
    http_route,
    sidecar,
    traffic_policy,
    virtual_service,
)
from meltemi.config.schema.selector import WorkloadSelector
from meltemi.config.schema.service_entry import ServiceEntry, ServicePort
from meltemi.config.schema.string_match import StringMatch
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.pilot.mcp import envelope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.schema.message import Message

VirtualService = virtual_service.VirtualService
Gateway = gateway.Gateway
Sidecar = sidecar.Sidecar

GAP: Final = "-"
"""A number that has no field, or has one no longer."""

NUMBERED: Final[Mapping[type[Message], str]] = {
    ServiceEntry: "hosts addresses ports location resolution endpoints export_to "
    "subject_alt_names workload_selector",
    ServicePort: "number protocol name target_port",
    WorkloadSelector: "labels",
    WorkloadEntry: "address ports labels network locality weight service_account",
    VirtualService: "hosts gateways http tcp tls export_to",
    virtual_service.TCPRoute: "match route",
    virtual_service.TLSRoute: "match route",
    virtual_service.RouteDestination: "destination weight",
    virtual_service.L4MatchAttributes: "destination_subnets port source_subnet "
    "source_labels gateways source_namespace",
    virtual_service.TLSMatchAttributes: "sni_hosts destination_subnets port - "
    "source_labels gateways source_namespace",
    http_route.HTTPRoute: "match route redirect rewrite - timeout retries fault mirror "
    "cors_policy - - - - - headers name mirror_percent mirror_percentage delegate "
    "direct_response mirrors",
    http_route.HTTPRouteDestination: "destination weight - - - - headers",
    http_route.Destination: "host subset port",
    http_route.PortSelector: "number",
    http_route.Headers: "request response",
    http_route.HeaderOperations: "set add remove",
    http_route.HTTPRedirect: "uri authority redirect_code port derive_port scheme "
    "prefix_rewrite",
    http_route.HTTPRewrite: "uri authority uri_regex_rewrite",
    http_route.RegexRewrite: "match rewrite",
    http_route.HTTPDirectResponse: "status body",
    http_route.HTTPBody: "string bytes",
    http_route.Delegate: "name namespace",
    http_route.HTTPRetry: "attempts per_try_timeout retry_on retry_remote_localities "
    "retry_ignore_previous_hosts backoff",
    http_route.HTTPMirrorPolicy: "destination percentage",
    http_route.CorsPolicy: "allow_origin allow_methods allow_headers expose_headers "
    "max_age allow_credentials allow_origins unmatched_preflights",
    http_match.HTTPMatchRequest: "uri scheme method authority headers port "
    "source_labels gateways query_params ignore_uri_case name without_headers "
    "source_namespace stat_prefix",
    StringMatch: "exact prefix regex",
    http_fault.HTTPFaultInjection: "delay abort",
    http_fault.Delay: "percent fixed_delay exponential_delay - percentage",
    http_fault.Abort: "- http_status grpc_status http2_error percentage",
    http_fault.Percent: "value",
    Sidecar: "workload_selector ingress egress outbound_traffic_policy - - "
    "inbound_connection_pool",
    sidecar.IstioIngressListener: "port bind capture_mode default_endpoint - - tls "
    "connection_pool",
    sidecar.IstioEgressListener: "port bind capture_mode hosts",
    sidecar.OutboundTrafficPolicy: "mode egress_proxy",
    sidecar.SidecarPort: "number protocol name target_port",
    Gateway: "servers selector",
    gateway.Server: "port hosts tls bind default_endpoint name",
    gateway.Port: "number protocol name target_port",
    gateway.ServerTLSSettings: "https_redirect mode server_certificate private_key "
    "ca_certificates subject_alt_names min_protocol_version max_protocol_version "
    "cipher_suites credential_name verify_certificate_spki verify_certificate_hash "
    "ca_crl credential_names tls_certificates ca_cert_credential_name "
    "insecure_skip_verify ecdh_curves",
    gateway.TLSCertificate: "server_certificate private_key ca_certificates",
    traffic_policy.ConnectionPoolSettings: "tcp http",
    traffic_policy.TCPSettings: "max_connections connect_timeout tcp_keepalive "
    "max_connection_duration idle_timeout",
    traffic_policy.TcpKeepalive: "probes time interval",
    traffic_policy.HTTPSettings: "http1_max_pending_requests http2_max_requests "
    "max_requests_per_connection max_retries idle_timeout h2_upgrade_policy "
    "use_client_protocol max_concurrent_streams http2_keep_alive",
    traffic_policy.HTTP2KeepAlive: "interval timeout",
    envelope.Envelope: "metadata body",
    envelope.Described: "name create_time version labels annotations",
    envelope.Moment: "seconds nanos",
    envelope.Body: "type_url value",
}
"""The fields of each message, from number 1 on."""

WRAPPED: Final = frozenset(
    {
        (http_route.HTTPRoute, "mirror_percent"),
        (http_route.HTTPRetry, "retry_remote_localities"),
        (http_route.HTTPRetry, "retry_ignore_previous_hosts"),
        (http_route.CorsPolicy, "allow_credentials"),
        (gateway.ServerTLSSettings, "insecure_skip_verify"),
    }
)
"""Scalars that travel as messages, so that absence can be told from zero."""

KINDS: Final[tuple[type[Message], ...]] = (
    ServiceEntry,
    WorkloadEntry,
    VirtualService,
    Sidecar,
    Gateway,
)
"""What is read from such a server: of every other kind it is told to send nothing."""
