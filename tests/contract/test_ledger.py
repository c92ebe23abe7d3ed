"""What any ledger promises: kept by etcd's adapter and by the fake alike."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import pytest

from meltemi.kernel.names import Revision
from meltemi.store.etcd import EtcdLedger
from meltemi.store.leases import EtcdLease
from meltemi.store.ports import (
    CompactedError,
    ConflictError,
    Lease,
    LedgerRefusedError,
    LedgerUnavailableError,
    LedgerWriter,
    Page,
    Step,
    TooManyWritesError,
    Write,
)
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.processes import EtcdServer, etcd_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.timeout(90)


class Store(Protocol):
    """A ledger that can be broken."""

    ledger: LedgerWriter

    async def kill(self) -> None: ...
    async def restart(self) -> None: ...
    async def compact(self, revision: Revision) -> None: ...
    async def abandon(self, lease: Lease) -> None: ...


class MemoryStore:
    def __init__(self) -> None:
        self.memory = MemoryLedger()
        self.ledger: LedgerWriter = self.memory

    async def kill(self) -> None:
        self.memory.available = False

    async def restart(self) -> None:
        self.memory.recover()

    async def compact(self, revision: Revision) -> None:
        await self.memory.compact(revision)

    async def abandon(self, lease: Lease) -> None:
        self.memory.expire(lease.id)


class EtcdStore:
    def __init__(self, server: EtcdServer, ledger: EtcdLedger) -> None:
        self.server, self.etcd = server, ledger
        self.ledger: LedgerWriter = ledger

    async def kill(self) -> None:
        await asyncio.to_thread(self.server.program.kill)

    async def restart(self) -> None:
        await asyncio.to_thread(self.server.program.start)

    async def compact(self, revision: Revision) -> None:
        await self.etcd.compact(revision)

    async def abandon(self, lease: Lease) -> None:
        assert isinstance(lease, EtcdLease)
        lease._renewing.cancel()


@pytest.fixture(scope="module")
def etcd() -> Iterator[EtcdServer]:
    with etcd_server() as server:
        yield server


@pytest.fixture(params=["memory", "etcd"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    server: EtcdServer = request.getfixturevalue("etcd")
    async with EtcdLedger([server.address]) as ledger:
        yield EtcdStore(server, ledger)


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return f"/test/{request.node.name}/"


async def put(
    ledger: LedgerWriter, key: str, value: bytes, expected: int | None = None
) -> Revision:
    guard = None if expected is None else Revision(expected)
    async with asyncio.timeout(20):
        while True:
            try:
                return await ledger.commit([Write(key, value, guard)])
            except LedgerUnavailableError:
                if guard is not None:
                    raise


@asynccontextmanager
async def watching(
    ledger: LedgerWriter, prefix: str, start: int
) -> AsyncIterator[AsyncIterator[Step]]:
    async with (
        asyncio.timeout(60),
        aclosing(ledger.watch(prefix, Revision(start))) as steps,
    ):
        yield steps


async def mutations(steps: AsyncIterator[Step], count: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    async for step in steps:
        found += [(step.revision, each.key) for each in step.mutations]
        if len(found) >= count:
            return found
    return found


async def test_what_was_put_is_read_with_its_revisions(
    store: Store, prefix: str
) -> None:
    first = await put(store.ledger, prefix + "a", b"1")
    second = await put(store.ledger, prefix + "a", b"2")

    entry = await store.ledger.get(prefix + "a")

    assert entry is not None
    assert (entry.value, entry.revision, entry.created) == (b"2", second, first)
    assert await store.ledger.get(prefix + "b") is None


async def test_a_write_at_a_stale_revision_changes_nothing(
    store: Store, prefix: str
) -> None:
    key = prefix + "a"
    first = await put(store.ledger, key, b"1", expected=0)
    second = await put(store.ledger, key, b"2", expected=first)

    with pytest.raises(ConflictError) as caught:
        await put(store.ledger, key, b"3", expected=first)
    with pytest.raises(ConflictError):
        await put(store.ledger, key, b"3", expected=0)

    assert (caught.value.found, caught.value.expected) == (second, first)
    assert (await store.ledger.list(prefix)).entries[0].value == b"2"


async def test_a_transaction_happens_whole_or_not_at_all(
    store: Store, prefix: str
) -> None:
    await put(store.ledger, prefix + "old", b"1")
    batch = [Write(prefix + "new", b"1", Revision(0)), Write(prefix + "old", None)]

    revision = await store.ledger.commit(batch)
    with pytest.raises(ConflictError):
        await store.ledger.commit([Write(prefix + "other", b"1"), *batch[:1]])

    listing = await store.ledger.list(prefix)
    assert [(each.key, each.revision) for each in listing.entries] == [
        (prefix + "new", revision)
    ]
    async with watching(store.ledger, prefix, revision) as steps:
        assert len(await mutations(steps, 2)) == 2, "one step holds both"


async def test_more_writes_than_a_transaction_takes_are_refused(
    store: Store, prefix: str
) -> None:
    writes = [Write(f"{prefix}{number}", b"") for number in range(129)]

    await store.ledger.commit(writes[:128])
    with pytest.raises(TooManyWritesError):
        await store.ledger.commit(writes)


async def test_a_listing_is_of_one_revision_and_in_key_order(
    store: Store, prefix: str
) -> None:
    keys = [f"{prefix}{number:04}" for number in range(1100)]
    for start in range(0, len(keys), 100):
        await store.ledger.commit(
            [Write(key, b"v") for key in reversed(keys[start : start + 100])]
        )
    beside = prefix.removesuffix("/") + "0"
    await put(store.ledger, beside, b"not under the prefix")

    listing = await store.ledger.list(prefix)
    names = await store.ledger.list(prefix, keys_only=True)

    assert [each.key for each in listing.entries] == keys
    assert listing.revision >= max(each.revision for each in listing.entries)
    assert {each.value for each in names.entries} == {b""}
    assert names.epoch == listing.epoch != ""


async def test_history_and_present_are_followed_in_order_and_once(
    store: Store, prefix: str
) -> None:
    first = await put(store.ledger, prefix + "a", b"1")
    await put(store.ledger, prefix + "a", b"2")
    async with watching(store.ledger, prefix, first) as steps:
        history = await mutations(steps, 2)
        gone = await store.ledger.commit([Write(prefix + "a", None)])
        async for step in steps:
            if step.mutations:
                break

    assert [key for _, key in history] == [prefix + "a"] * 2
    assert step.revision == gone
    assert (step.mutations[0].value, step.mutations[0].previous) == (None, b"2")


async def test_a_history_larger_than_one_message_arrives_whole(
    store: Store, prefix: str
) -> None:
    large = b"x" * 400_000
    batches = [
        [Write(f"{prefix}{number}/{part}", large) for part in range(3)]
        for number in range(8)
    ]
    revisions = [await store.ledger.commit(batch) for batch in batches]

    async with watching(store.ledger, prefix, revisions[0]) as steps:
        found = await mutations(steps, 24)

    assert [revision for revision, _ in found[::3]] == revisions
    assert len(set(found)) == 24


async def test_a_quiet_watch_says_how_far_it_has_seen(
    store: Store, prefix: str
) -> None:
    head = (await store.ledger.list(prefix)).revision
    async with watching(store.ledger, prefix, head + 1) as steps:
        await anext(steps)
        elsewhere = await put(store.ledger, "/elsewhere" + prefix, b"1")
        async for step in steps:
            assert step.mutations == ()
            if step.revision >= elsewhere:
                return


async def test_a_server_killed_and_restarted_loses_and_repeats_nothing(
    store: Store, prefix: str
) -> None:
    start = await put(store.ledger, prefix + "start", b"")
    written: list[tuple[int, str]] = []
    seen: list[tuple[int, str]] = []
    async with (
        asyncio.TaskGroup() as tasks,
        watching(store.ledger, prefix, start + 1) as steps,
    ):
        await anext(steps)
        reading = tasks.create_task(mutations(steps, 30))
        for number in range(30):
            if number in (10, 20):
                await store.kill()
                await store.restart()
            key = f"{prefix}{number:02}"
            written.append((await put(store.ledger, key, b"x"), key))
        seen = await reading

    assert seen == written


async def test_a_watch_from_a_compacted_revision_says_so(
    store: Store, prefix: str
) -> None:
    first = await put(store.ledger, prefix + "a", b"1")
    last = await put(store.ledger, prefix + "a", b"2")
    await store.compact(last)

    with pytest.raises(CompactedError) as caught:
        async with watching(store.ledger, prefix, first) as steps:
            await mutations(steps, 3)

    assert caught.value.oldest == last
    async with watching(store.ledger, prefix, last) as steps:
        assert await mutations(steps, 1) == [(last, prefix + "a")]


async def test_without_a_server_every_call_says_so_within_its_time(
    store: Store, prefix: str
) -> None:
    await put(store.ledger, prefix + "a", b"1")
    await store.kill()
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        with pytest.raises(LedgerUnavailableError):
            await store.ledger.get(prefix + "a")
        with pytest.raises(LedgerUnavailableError):
            await store.ledger.commit([Write(prefix + "b", b"1")])
        assert clock() - started <= 2 * 2.1
    finally:
        await store.restart()
    await put(store.ledger, prefix + "c", b"1")
    assert await store.ledger.get(prefix + "b") is None, "what failed was not done"


async def test_entries_of_a_lease_live_exactly_as_long_as_its_holder(
    store: Store, prefix: str
) -> None:
    key = prefix + "a"
    async with store.ledger.lease(2) as lease:
        await store.ledger.commit([Write(key, b"1", lease=lease.id)])
        head = (await store.ledger.list(prefix)).revision
        assert await store.ledger.get(key) is not None
        assert not lease.lost.is_set()

    assert await store.ledger.get(key) is None
    async with watching(store.ledger, prefix, head + 1) as steps:
        assert [key for _, key in await mutations(steps, 1)] == [key]


async def test_entries_of_a_holder_that_stopped_renewing_disappear(
    store: Store, prefix: str
) -> None:
    async with store.ledger.lease(1) as lease:
        put = await store.ledger.commit([Write(prefix + "a", b"1", lease=lease.id)])
        await store.abandon(lease)
        async with watching(store.ledger, prefix, put + 1) as steps:
            assert [key for _, key in await mutations(steps, 1)] == [prefix + "a"]


async def test_an_error_inside_a_lease_leaves_it_as_it_is(store: Store) -> None:
    with pytest.raises(LookupError):
        async with store.ledger.lease(5):
            raise LookupError


async def test_pages_of_one_revision_fit_together_whatever_is_written_between(
    store: Store, prefix: str
) -> None:
    for name in "abcde":
        await put(store.ledger, prefix + name, name.encode())
    first = await store.ledger.list(prefix, page=Page(2))
    await put(store.ledger, prefix + "c", b"later")
    await store.ledger.commit([Write(prefix + "d", None)])

    found, page = list(first.entries), first
    while page.remaining:
        asked = Page(2, found[-1].key, first.revision)
        page = await store.ledger.list(prefix, page=asked)
        found += page.entries

    assert [each.value for each in found] == [b"a", b"b", b"c", b"d", b"e"]
    assert (first.remaining, page.remaining) == (3, 0)
    assert page.revision == first.revision


async def test_a_page_of_a_revision_that_is_gone_or_to_come_is_refused(
    store: Store, prefix: str
) -> None:
    await put(store.ledger, prefix + "a", b"1")
    old = await put(store.ledger, prefix + "b", b"1")
    head = await put(store.ledger, prefix + "a", b"2")
    await store.compact(head)
    with pytest.raises(CompactedError):
        await store.ledger.list(prefix, page=Page(1, "", old))
    with pytest.raises(LedgerRefusedError):
        await store.ledger.list(prefix, page=Page(1, "", Revision(head + 1_000_000)))
