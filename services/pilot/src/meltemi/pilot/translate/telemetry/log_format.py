"""How lines of access logs are written.

Source: pilot/pkg/model/telemetry_logging.go; the default formats are part of Istio's
interface, since people parse them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.mesh_config import AccessLogEncoding
from meltemi.pilot import ir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.pilot.model.mesh_config import MeshConfig

TEXT: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% "
    '%CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" '
    "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" '
    '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" '
    '"%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% "
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
JSON: Final = {
    "start_time": "%START_TIME%",
    "route_name": "%ROUTE_NAME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
}
EXPLAINING: Final = json.dumps(
    {
        **{name: value for name, value in JSON.items() if "forwarded" not in name},
        "path": "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%",
        "filter_chain_name": "%FILTER_CHAIN_NAME%",
        "downstream_peer_uri_san": "%DOWNSTREAM_PEER_URI_SAN%",
        "downstream_transport_failure_reason": (
            "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%"
        ),
        "upstream_peer_uri_san": "%UPSTREAM_PEER_URI_SAN%",
        "upstream_cluster": "%UPSTREAM_CLUSTER%",
        "trace_id": "%TRACE_ID%",
        "grpc_status": "%GRPC_STATUS_NUMBER%",
        "token_issuer": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:iss)%",
    }
)
"""Istio's fields and those that explain a failure: what Pilot logs by default.

Of a path not what is behind the ``?``: too often that is what lets somebody in.
"""


def file_log(config: MeshConfig, path: str) -> ir.FileLog:
    """Return the log in a file, in MeshConfig's format."""
    document = config.document
    written = document.access_log_format or ""
    if document.access_log_encoding is AccessLogEncoding.JSON:
        return ir.FileLog(path, fields=_fields(written))
    return ir.FileLog(path, text=line(written))


def line(written: str) -> str:
    """Return a line's format: Istio's own where none is written, with its newline."""
    if not written:
        return TEXT
    return written if written.endswith("\n") else f"{written}\n"


def _fields(written: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of a JSON format; the default where it is not an object."""
    try:
        fields = json.loads(written) if written else JSON
    except ValueError:
        fields = JSON
    return labels(fields if isinstance(fields, dict) else JSON)


def labels(fields: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a JSON object and their formats; the default's if none."""
    return tuple((name, json.dumps(value)) for name, value in (fields or JSON).items())
