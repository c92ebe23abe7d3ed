"""Leases: entries that vanish when their holder does."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

import grpc

from meltemi.kernel.errors import MeshError
from meltemi.store.connection import Method
from meltemi.store.wire import etcd_pb2 as pb

if TYPE_CHECKING:
    from types import TracebackType

    from meltemi.store.connection import Connection

GRANT: Method[pb.LeaseGrantRequest, pb.LeaseGrantResponse] = Method(
    "/etcdserverpb.Lease/LeaseGrant", pb.LeaseGrantResponse.FromString
)
REVOKE: Method[pb.LeaseRevokeRequest, pb.LeaseRevokeResponse] = Method(
    "/etcdserverpb.Lease/LeaseRevoke", pb.LeaseRevokeResponse.FromString
)
KEEP_ALIVE: Method[pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse] = Method(
    "/etcdserverpb.Lease/LeaseKeepAlive", pb.LeaseKeepAliveResponse.FromString
)


class EtcdLease:
    """A lease that is renewed three times a lifetime while its context lasts.

    It survives restarts of etcd that are shorter than its TTL. After a whole TTL
    without a renewal it counts as lost, whatever etcd may still think of it: its
    holder must not rely on what others may already see gone.
    """

    id: int

    def __init__(self, connection: Connection, ttl: int) -> None:
        self._connection, self._ttl = connection, ttl
        self._tasks = asyncio.TaskGroup()
        self.lost = asyncio.Event()

    async def __aenter__(self) -> Self:
        granted = await self._connection.call(
            GRANT, pb.LeaseGrantRequest(ttl=self._ttl), repeatable=True
        )
        self.id = granted.id
        await self._tasks.__aenter__()
        self._renewing = self._tasks.create_task(self._renew())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._renewing.cancel()
        # The body's own error is not the group's: it leaves as it is.
        await self._tasks.__aexit__(None, None, None)
        if self.lost.is_set():
            return
        with contextlib.suppress(MeshError):  # it ends by itself within its TTL
            request = pb.LeaseRevokeRequest(id=self.id)
            await self._connection.call(REVOKE, request, repeatable=True)

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(self._ttl) as limit:
                while not self.lost.is_set():
                    await self._beat(limit)
                    await self._connection.pause(0)
        except TimeoutError:
            self.lost.set()

    async def _beat(self, limit: asyncio.Timeout) -> None:
        """Renew until the stream breaks or the lease is gone; each renewal counts."""
        now = asyncio.get_running_loop().time
        try:
            async with self._connection.stream(KEEP_ALIVE) as call:
                while True:
                    await call.write(pb.LeaseKeepAliveRequest(id=self.id))
                    answer = await call.read()
                    if not isinstance(answer, pb.LeaseKeepAliveResponse):
                        return
                    if answer.ttl <= 0:
                        self.lost.set()
                        return
                    limit.reschedule(now() + self._ttl)
                    await asyncio.sleep(self._ttl / 3)
        except grpc.aio.AioRpcError as error:
            self._connection.forget_token(error)
        except asyncio.InvalidStateError:
            return  # grpc.aio's word for writing to a stream that has ended
