"""A service that proxies ask (ext_authz over gRPC): ``python -m … NAME grpc:PORT``.

It lets those pass whose account is ``alpha``.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse

SERVICE = "envoy.service.auth.v3.Authorization"
FRIEND = "/sa/alpha"


def check(request: CheckRequest, _: grpc.ServicerContext) -> CheckResponse:
    """Answer."""
    answer = CheckResponse()
    if not request.attributes.source.principal.endswith(FRIEND):
        answer.status.code = grpc.StatusCode.PERMISSION_DENIED.value[0]
    return answer


if __name__ == "__main__":
    port = sys.argv[2].partition(":")[2]
    handler = grpc.unary_unary_rpc_method_handler(
        check, CheckRequest.FromString, CheckResponse.SerializeToString
    )
    server = grpc.server(ThreadPoolExecutor(4))
    made = grpc.method_handlers_generic_handler(SERVICE, {"Check": handler})
    server.add_generic_rpc_handlers((made,))
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    server.wait_for_termination()
