"""Secrets for Envoys that have no agent beside them, on a Unix socket."""

from __future__ import annotations

import contextlib
from concurrent import futures
from typing import TYPE_CHECKING

import grpc
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse

from meltemi.kernel.clock import SystemClock
from meltemi.proxy.secrets import SotwSession, secrets_of
from meltemi.testkit.authority import credential

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.proxy.secrets import Secrets

SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"
STREAMS = 64
"""At a time: an Envoy opens one for each secret."""


@contextlib.contextmanager
def secret_door(socket: Path) -> Iterator[None]:
    """Serve one workload's certificate and its roots while the context lasts."""
    shown = secrets_of(credential(now=SystemClock().now()))
    server = grpc.server(futures.ThreadPoolExecutor(STREAMS))
    method = grpc.stream_stream_rpc_method_handler(
        lambda requests, _: _answers(requests, shown),
        request_deserializer=DiscoveryRequest.FromString,
        response_serializer=DiscoveryResponse.SerializeToString,
    )
    methods = grpc.method_handlers_generic_handler(SERVICE, {"StreamSecrets": method})
    server.add_generic_rpc_handlers((methods,))
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


def _answers(
    requests: Iterator[DiscoveryRequest], shown: Secrets
) -> Iterator[DiscoveryResponse]:
    session = SotwSession()
    with contextlib.suppress(grpc.RpcError):
        for each in requests:
            session.receive(each)
            answer = session.offer(shown)
            if answer is not None:
                yield answer
