"""The gRPC server that Envoy reaches on Unix sockets, and the folder they lie in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import grpc

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

UNLIMITED = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)
GRACE_SECONDS = 0.5


class RunDirError(MeshError):
    """The agent's folder cannot be used."""

    code = "agent.run-dir"
    blame = Blame.CALLER


def private_folder(path: Path) -> None:
    """Make ``path`` a folder that only we can enter: it guards sockets and keys.

    Raises:
        RunDirError: If it cannot be made so.

    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise RunDirError(f"{path}: {error.strerror}") from error


@contextlib.asynccontextmanager
async def serving_sockets(
    handlers: Iterable[grpc.GenericRpcHandler], paths: Iterable[Path]
) -> AsyncIterator[None]:
    """Serve ``handlers`` on every one of ``paths`` while the context lasts.

    A socket that a killed agent left behind is replaced.

    Raises:
        RunDirError: If a socket cannot be made.

    """
    server = grpc.aio.server(options=UNLIMITED)
    server.add_generic_rpc_handlers(tuple(handlers))
    sockets = tuple(paths)
    try:
        for path in sockets:
            path.unlink(missing_ok=True)
            server.add_insecure_port(f"unix:{path}")
    except (OSError, RuntimeError) as error:
        raise RunDirError(f"cannot listen in the agent's folder: {error}") from error
    await server.start()
    try:
        for path in sockets:
            path.chmod(0o600)
        yield
    finally:
        await server.stop(GRACE_SECONDS)
