"""A gRPC service that says back what it hears: ``python -m … PORT``.

To ``lost`` it answers NOT_FOUND.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Iterable

SERVICE, METHOD = "meltemi.testkit.Chat", "Say"


def say(heard: bytes, context: grpc.ServicerContext) -> bytes:
    """Answer."""
    if heard == b"lost":
        context.set_code(grpc.StatusCode.NOT_FOUND)
    return heard


def said(address: str, words: bytes) -> grpc.StatusCode:
    """Say ``words`` to the service at ``address``; return the status."""
    (status,) = all_said(address, (words,))
    return status


def all_said(address: str, every: Iterable[bytes]) -> list[grpc.StatusCode]:
    """Say one after the other on one connection; return the status of each."""
    with grpc.insecure_channel(address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            f"/{SERVICE}/{METHOD}"
        )
        return [_status(call, words) for words in every]


def _status(
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes], words: bytes
) -> grpc.StatusCode:
    try:
        call(words, timeout=10)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


if __name__ == "__main__":
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
        say
    )
    server = grpc.server(ThreadPoolExecutor(4))
    made = grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})
    server.add_generic_rpc_handlers((made,))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()
