"""The ledger on etcd: compare-and-swap transactions and a history to follow."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

import grpc

from meltemi.kernel.names import Epoch, Revision
from meltemi.store.connection import Connection, Method, RevisionGoneError
from meltemi.store.leases import EtcdLease
from meltemi.store.ports import (
    CompactedError,
    ConflictError,
    Entry,
    LedgerDeniedError,
    LedgerRefusedError,
    LedgerUnavailableError,
    Listing,
    TooManyWritesError,
    Write,
)
from meltemi.store.watching import WatchCursor, epoch_of, prefix_end
from meltemi.store.wire import etcd_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from meltemi.store.connection import Login, Tls
    from meltemi.store.ports import Page, Step

PAGE = 500
"""Entries a request: etcd answers others between two pages."""

MOST_WRITES = 128
"""etcd's own ``--max-txn-ops``."""

LISTINGS = 3
"""How often a listing is tried when compaction overtakes it."""

RANGE: Method[pb.RangeRequest, pb.RangeResponse] = Method(
    "/etcdserverpb.KV/Range", pb.RangeResponse.FromString
)
TXN: Method[pb.TxnRequest, pb.TxnResponse] = Method(
    "/etcdserverpb.KV/Txn", pb.TxnResponse.FromString
)
COMPACT: Method[pb.CompactionRequest, pb.CompactionResponse] = Method(
    "/etcdserverpb.KV/Compact", pb.CompactionResponse.FromString
)
WATCH: Method[pb.WatchRequest, pb.WatchResponse] = Method(
    "/etcdserverpb.Watch/Watch", pb.WatchResponse.FromString
)


class EtcdLedger:
    """A `LedgerWriter` on one or more etcd members.

    Connects when first used; ``async with`` or `close` ends it.

    Args:
        endpoints: ``HOST:PORT`` of each member.
        timeout: Seconds until a call gives up with `LedgerUnavailableError`.
        tls: Certificates, where etcd wants TLS.
        login: The etcd user, where etcd has authentication enabled.

    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        timeout: float = 2.0,
        tls: Tls | None = None,
        login: Login | None = None,
    ) -> None:
        self._connection = Connection(endpoints, timeout=timeout, tls=tls, login=login)
        self._epoch: Epoch | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def get(self, key: str) -> Entry | None:
        """Return the entry at ``key``, as a majority knows it."""
        answer = await self._range(pb.RangeRequest(key=key.encode()))
        return entry(answer.kvs[0]) if answer.kvs else None

    async def list(
        self, prefix: str, *, keys_only: bool = False, page: Page | None = None
    ) -> Listing:
        """Return everything under ``prefix`` at one revision, in key order.

        Raises:
            CompactedError: If the page's revision is no longer in the history.
            LedgerRefusedError: If the page's revision is still to come.

        """
        if page is not None:
            return await self._page(prefix, page, keys_only=keys_only)
        for _ in range(LISTINGS - 1):
            with contextlib.suppress(RevisionGoneError):
                return await self._list(prefix, keys_only=keys_only)
        return await self._list(prefix, keys_only=keys_only)

    async def _page(self, prefix: str, page: Page, *, keys_only: bool) -> Listing:
        request = pb.RangeRequest(
            key=page.after.encode() + b"\0" if page.after else prefix.encode(),
            range_end=prefix_end(prefix.encode()),
            limit=page.limit,
            revision=page.revision or 0,
            keys_only=keys_only,
        )
        try:
            found = await self._range(request)
        except RevisionGoneError as error:
            if "future" in str(error):
                raise LedgerRefusedError(str(error)) from None
            raise CompactedError(Revision((page.revision or 0) + 1)) from None
        return Listing(
            epoch_of(found.header),
            page.revision or Revision(found.header.revision),
            tuple(entry(each) for each in found.kvs),
            found.count - len(found.kvs),
        )

    async def _list(self, prefix: str, *, keys_only: bool) -> Listing:
        start, end = prefix.encode(), prefix_end(prefix.encode())
        pinned, entries = 0, list[Entry]()
        while True:
            request = pb.RangeRequest(
                key=start,
                range_end=end,
                limit=PAGE,
                revision=pinned,
                keys_only=keys_only,
            )
            page = await self._range(request)
            pinned = pinned or page.header.revision
            entries.extend(entry(each) for each in page.kvs)
            if not page.more:
                epoch = epoch_of(page.header)
                return Listing(epoch, Revision(pinned), tuple(entries))
            start = page.kvs[-1].key + b"\0"

    async def watch(self, prefix: str, start: Revision) -> AsyncGenerator[Step]:
        """Yield every revision from ``start`` on that touched ``prefix``, once.

        The first step is empty: it says that the watch stands. So is one after each
        reconnect, and one whenever etcd reports progress.
        """
        cursor = WatchCursor(prefix, start, self._epoch)
        attempt = denials = 0
        while True:
            try:
                async with self._connection.stream(WATCH) as call:
                    await call.write(cursor.request())
                    while isinstance(answer := await call.read(), pb.WatchResponse):
                        if answer.canceled and not answer.compact_revision:
                            denials += 1
                            self._cancelled(answer.cancel_reason, denials)
                            break
                        if answer.created and cursor.doubtful(answer.header):
                            cursor.judge((await self._head()).header)
                        for step in cursor.take(answer):
                            yield step
                        attempt = denials = 0
            except grpc.aio.AioRpcError as error:
                self._broken(error)
            except LedgerUnavailableError:
                pass  # no head to compare with: ask again
            await self._connection.pause(attempt)
            attempt += 1

    async def commit(self, writes: Sequence[Write]) -> Revision:
        """Apply all of ``writes`` or none; return the revision they share.

        Raises:
            ConflictError: If an entry is not at its expected revision.
            LedgerUnavailableError: If the outcome is unknown or nothing was done.
            TooManyWritesError: If there are more than 128.

        """
        if len(writes) > MOST_WRITES:
            raise TooManyWritesError(
                f"{len(writes)} writes in one transaction, at most {MOST_WRITES}: "
                "split them where halves may be seen apart"
            )
        answer = await self._connection.call(TXN, transaction(writes), repeatable=False)
        self._epoch = epoch_of(answer.header)
        if answer.succeeded:
            return Revision(answer.header.revision)
        raise conflict(writes, answer)

    def lease(self, ttl: int) -> EtcdLease:
        """Hold a lease of ``ttl`` seconds, renewed until the context ends."""
        return EtcdLease(self._connection, ttl)

    async def compact(self, revision: Revision) -> None:
        """Forget the history before ``revision``."""
        request = pb.CompactionRequest(revision=revision, physical=True)
        await self._connection.call(COMPACT, request, repeatable=True)

    async def _range(self, request: pb.RangeRequest) -> pb.RangeResponse:
        answer = await self._connection.call(RANGE, request, repeatable=True)
        self._epoch = epoch_of(answer.header)
        return answer

    async def _head(self) -> pb.RangeResponse:
        return await self._range(pb.RangeRequest(key=b"\0", keys_only=True))

    def _cancelled(self, reason: str, denials: int) -> None:
        """Raise when etcd will never grant the watch; a first denial may be a token."""
        if "permission" not in reason:
            return
        if denials > 1 or not self._connection.renounce_token():
            raise LedgerDeniedError(f"etcd at {self._connection.endpoint}: {reason}")

    def _broken(self, error: grpc.aio.AioRpcError) -> None:
        """Raise when the stream ended for a reason that time does not heal."""
        if self._connection.forget_token(error):
            return
        failure = self._connection.failure(error)
        if not isinstance(failure, LedgerUnavailableError):
            raise failure from None


def entry(stored: pb.KeyValue) -> Entry:
    """Return ``stored`` in the port's words."""
    return Entry(
        stored.key.decode(),
        stored.value,
        Revision(stored.mod_revision),
        Revision(stored.create_revision),
    )


def transaction(writes: Sequence[Write]) -> pb.TxnRequest:
    """Return the transaction that applies ``writes`` or tells where entries are."""
    request = pb.TxnRequest()
    for write in writes:
        key = write.key.encode()
        if write.value is None:
            step = pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))
        else:
            put = pb.PutRequest(key=key, value=write.value, lease=write.lease)
            step = pb.RequestOp(request_put=put)
        request.success.append(step)
        if write.expected is not None:
            request.compare.append(
                pb.Compare(
                    key=key,
                    result=pb.Compare.EQUAL,
                    target=pb.Compare.MOD,
                    mod_revision=write.expected,
                )
            )
            found = pb.RangeRequest(key=key, keys_only=True)
            request.failure.append(pb.RequestOp(request_range=found))
    return request


def conflict(writes: Sequence[Write], answer: pb.TxnResponse) -> ConflictError:
    """Return the first expectation that the failed transaction did not meet."""
    guarded = [write for write in writes if write.expected is not None]
    for write, response in zip(guarded, answer.responses, strict=True):
        kvs = response.response_range.kvs
        found = Revision(kvs[0].mod_revision if kvs else 0)
        if write.expected is not None and write.expected != found:
            return ConflictError(write.key, expected=write.expected, found=found)
    raise LedgerRefusedError(
        f"etcd refused a transaction that meets its guards: {answer}"
    )
