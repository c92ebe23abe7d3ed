"""Following etcd's history, without I/O: what to ask for next, what an answer means.

::

    request() ──▶ etcd ──▶ response, response, … ──▶ take() ──▶ steps
        ▲                        connection breaks │
        └──────────── position = last step + 1 ◀───┘
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from meltemi.kernel.names import Epoch, Revision
from meltemi.store.ports import (
    CompactedError,
    HistoryReplacedError,
    Mutation,
    Step,
)
from meltemi.store.wire import etcd_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator


class WatchCursor:
    """A place in the history under one prefix that survives broken streams.

    The place moves with what was handed out, never with a header: a response's
    header may be ahead of events that are still to come. Only a progress notice,
    which etcd sends when it has nothing more, moves it without an event.
    """

    def __init__(self, prefix: str, start: Revision, epoch: Epoch | None) -> None:
        self._prefix = prefix.encode()
        self._next = max(start, 1)
        self._epoch = epoch
        self._fragments: list[pb.Event] = []

    @property
    def next(self) -> Revision:
        """The first revision that was not handed out."""
        return Revision(self._next)

    def request(self) -> pb.WatchRequest:
        """Return what to ask on a new stream; half a revision read is forgotten."""
        self._fragments.clear()
        return pb.WatchRequest(
            create_request=pb.WatchCreateRequest(
                key=self._prefix,
                range_end=prefix_end(self._prefix),
                start_revision=self._next,
                prev_kv=True,
                progress_notify=True,
                fragment=True,
            )
        )

    def doubtful(self, header: pb.ResponseHeader) -> bool:
        """Tell whether this server is behind us, or is another cluster.

        It may be a member that lags, or a ledger restored from a backup: whoever
        asks must read the head from a majority and then `judge` it.
        """
        other = self._epoch not in (None, epoch_of(header))
        return other or header.revision < self._next - 1

    def judge(self, head: pb.ResponseHeader) -> None:
        """Compare our place with the head that a majority agrees on.

        Raises:
            HistoryReplacedError: If our place is not in this ledger's history.

        """
        if self.doubtful(head):
            raise HistoryReplacedError(Revision(head.revision))

    def take(self, response: pb.WatchResponse) -> Iterator[Step]:
        """Yield the steps that ``response`` completes.

        Raises:
            CompactedError: If the place is no longer in the history.

        """
        if response.compact_revision:
            raise CompactedError(Revision(response.compact_revision))
        self._epoch = epoch_of(response.header)
        if response.created:
            yield Step(self._epoch, Revision(self._next - 1), ())
            return
        self._fragments.extend(response.events)
        if response.fragment:
            return
        if not self._fragments:
            yield from self._progress(response.header)
            return
        events, self._fragments = self._fragments, []
        for revision, group in groupby(events, key=lambda event: event.kv.mod_revision):
            if revision < self._next:
                continue  # etcd 3.4.23 repeats events around a compaction
            self._next = revision + 1
            yield Step(
                self._epoch, Revision(revision), tuple(mutation(each) for each in group)
            )

    def _progress(self, header: pb.ResponseHeader) -> Iterator[Step]:
        if header.revision >= self._next - 1:
            self._next = header.revision + 1
            yield Step(epoch_of(header), Revision(header.revision), ())


def mutation(event: pb.Event) -> Mutation:
    """Return what ``event`` did to its entry."""
    deleted = event.type == pb.Event.DELETE
    previous = event.prev_kv.value if event.HasField("prev_kv") else None
    value = None if deleted else event.kv.value
    return Mutation(event.kv.key.decode(), value, previous)


def epoch_of(header: pb.ResponseHeader) -> Epoch:
    """Return the cluster that answered: etcd prints the same hexadecimal id."""
    return Epoch(f"{header.cluster_id:x}")


def prefix_end(prefix: bytes) -> bytes:
    """Return the first key after every key that starts with ``prefix``.

    Source:
        etcd clientv3 ``WithPrefix``; a lone zero byte stands for "no end".

    """
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else b"\0"
