from __future__ import annotations

import pytest

from meltemi.kernel.names import Epoch, Revision
from meltemi.store.ports import CompactedError, HistoryReplacedError, Mutation
from meltemi.store.watching import WatchCursor, mutation, prefix_end
from meltemi.store.wire import etcd_pb2 as pb

CLUSTER = 0xCAFE


def header(revision: int, cluster: int = CLUSTER) -> pb.ResponseHeader:
    return pb.ResponseHeader(cluster_id=cluster, revision=revision)


def events(*revisions: int, head: int = 99, fragment: bool = False) -> pb.WatchResponse:
    stored = [
        pb.Event(kv=pb.KeyValue(key=b"/a", value=b"v", mod_revision=revision))
        for revision in revisions
    ]
    return pb.WatchResponse(header=header(head), events=stored, fragment=fragment)


def cursor(start: int = 5) -> WatchCursor:
    return WatchCursor("/a", Revision(start), None)


def revisions(cursor: WatchCursor, *responses: pb.WatchResponse) -> list[int]:
    return [step.revision for each in responses for step in cursor.take(each)]


def test_the_place_follows_events_and_not_headers() -> None:
    watch = cursor()

    assert revisions(watch, events(6, 6, 8)) == [6, 8]
    assert watch.next == 9
    created = pb.WatchResponse(header=header(50), created=True)
    assert revisions(watch, created) == [8], "history is still to come after it"
    assert watch.request().create_request.start_revision == 9


def test_a_progress_notice_moves_the_place_without_an_event() -> None:
    watch = cursor()

    assert revisions(watch, events(head=20)) == [20]
    assert watch.next == 21


def test_fragments_are_one_revision_and_half_of_one_is_forgotten() -> None:
    watch = cursor()

    assert revisions(watch, events(7, fragment=True)) == []
    assert watch.request().create_request.start_revision == 5
    (step,) = [
        step
        for part in (events(7, fragment=True), events(7))
        for step in watch.take(part)
    ]
    assert len(step.mutations) == 2


def test_repeated_revisions_are_dropped() -> None:
    watch = cursor()

    assert revisions(watch, events(6), events(5, 6, 7)) == [6, 7]


def test_compaction_is_an_error_that_names_the_oldest_revision() -> None:
    response = pb.WatchResponse(canceled=True, compact_revision=12)

    with pytest.raises(CompactedError) as caught:
        list(cursor().take(response))

    assert caught.value.oldest == 12


def test_a_member_that_lags_is_doubted_but_not_condemned() -> None:
    watch = cursor(start=10)

    assert watch.doubtful(header(8))
    watch.judge(header(9))


def test_a_ledger_that_was_replaced_ends_the_watch() -> None:
    watch = WatchCursor("/a", Revision(10), Epoch("cafe"))

    assert watch.doubtful(header(100, cluster=0xBEEF))
    with pytest.raises(HistoryReplacedError):
        watch.judge(header(100, cluster=0xBEEF))
    with pytest.raises(HistoryReplacedError):
        watch.judge(header(8))


@pytest.mark.parametrize(
    ("prefix", "end"),
    [(b"/a/", b"/a0"), (b"a\xff", b"b"), (b"\xff", b"\0"), (b"", b"\0")],
)
def test_the_end_of_a_prefix_is_the_first_key_after_it(
    prefix: bytes, end: bytes
) -> None:
    assert prefix_end(prefix) == end


def test_a_progress_notice_at_our_own_place_is_passed_on_and_an_older_one_is_not() -> (
    None
):
    watch = cursor(start=5)

    assert revisions(watch, events(head=4)) == [4]
    assert revisions(watch, events(head=3)) == []
    assert watch.next == 5


def test_a_deletion_has_no_value_but_what_was_there_before() -> None:
    event = pb.Event(
        type=pb.Event.DELETE,
        kv=pb.KeyValue(key=b"/a", mod_revision=9),
        prev_kv=pb.KeyValue(value=b"old"),
    )
    put = pb.Event(kv=pb.KeyValue(key=b"/a", value=b"new", mod_revision=9))

    assert mutation(event) == Mutation("/a", None, b"old")
    assert mutation(put) == Mutation("/a", b"new", None)
