"""Watching over sockets: what is told, in both forms."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from meltemi.galley.adapters import body, watching
from meltemi.kernel.names import Revision
from meltemi.store.ports import Write
from meltemi.testkit.waiting import until
from meltemi.testkit.watch_client import FORMS, WatchClient

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from meltemi.runtime.settings import Address
    from meltemi.store.ports import Step
    from meltemi.testkit.galleys import Api

pytestmark = pytest.mark.timeout(60)
RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"


def rule(name: str, host: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, "labels": labels},
        "spec": {"host": host},
    }


async def put(api: Api, name: str, host: str, **labels: str) -> int:
    text = rule(name, host, **labels)
    answer = await api.client.put(f"{RULES}/{name}", json=text)
    return int(answer.json()["metadata"]["resourceVersion"])


@pytest.mark.parametrize("form", FORMS)
async def test_events_say_what_happened_and_begin_with_what_is_there(
    api: Api, served: Address, form: str
) -> None:
    await put(api, "old", "a")
    client = WatchClient(served, form)
    async with asyncio.timeout(20), client.watching(""):
        assert f"content-type: {form}".encode() in client.head
        assert await client.event() == ("ADDED", await shown(api, "old"))
        kind, told = await client.event()
        assert kind == "BOOKMARK"
        assert told["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        await put(api, "new", "b")
        await put(api, "new", "c")
        await api.client.delete(f"{RULES}/new")
        kinds = [await client.event() for _ in range(3)]
    assert [kind for kind, _ in kinds] == ["ADDED", "MODIFIED", "DELETED"]
    removed = kinds[2][1]
    assert removed["spec"]["host"] == "c", "a removal shows what was removed"
    assert removed["metadata"]["resourceVersion"] == str(api.ledger.head)


async def shown(api: Api, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.client.get(f"{RULES}/{name}")).json()
    found.pop("status")
    return found


async def test_a_selection_sees_objects_come_and_go(api: Api, served: Address) -> None:
    start = await put(api, "rule", "a", team="a")
    client = WatchClient(served, FORMS[0])
    async with (
        asyncio.timeout(20),
        client.watching("labelSelector=team%3Da", str(start)),
    ):
        await put(api, "other", "a", team="b")
        await put(api, "rule", "a", team="b")
        await put(api, "rule", "b", team="a")
        kinds = [(await client.event())[0] for _ in range(2)]
    assert kinds == ["DELETED", "ADDED"]


async def test_a_batch_of_which_a_client_saw_a_part_is_told_again(
    api: Api, served: Address
) -> None:
    start = await put(api, "zero", "a")
    texts = [rule(name, "a") for name in ("one", "two", "three")]
    batch = await api.client.post("/api/v1/batch", json=texts)
    assert batch.status_code == 200
    client = WatchClient(served, FORMS[0])
    async with asyncio.timeout(20), client.watching("", str(start)):
        _, first = await client.event()
    last = first["metadata"]["resourceVersion"]
    async with asyncio.timeout(20), client.watching("", last):
        names = [(await client.event())[1]["metadata"]["name"] for _ in range(3)]
    assert sorted(names) == ["one", "three", "two"]


async def test_a_start_that_is_no_longer_in_the_history_is_410(
    api: Api, served: Address
) -> None:
    start = await put(api, "rule", "a")
    head = await put(api, "rule", "b")
    await put(api, "rule", "c")
    await api.ledger.compact(Revision(head + 1))
    for form in FORMS:
        client = WatchClient(served, form)
        async with asyncio.timeout(20), client.watching("", str(start)):
            assert client.status == 410


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ahead", [1, 1000])
async def test_a_start_that_is_still_to_come_is_refused(
    api: Api, served: Address, form: str, ahead: int
) -> None:
    head = await put(api, "rule", "a")
    client = WatchClient(served, form)
    async with asyncio.timeout(20), client.watching("", str(head + ahead)):
        assert client.status == 400
        body = await client.body()
    assert body["code"] == "request.future-revision"
    told = f"Too large resource version: {head + ahead}, current: {head}"
    assert body["detail"].startswith(told)
    async with asyncio.timeout(20), client.watching("", str(head)):
        assert client.status == 200, "the newest is no future"


async def test_a_watch_takes_its_place_before_it_stands_and_leaves_it(
    api: Api, served: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = str(await put(api, "rule", "a"))
    entered, stands = asyncio.Event(), asyncio.Event()
    watch = api.ledger.watch

    async def slow(prefix: str, start: Revision) -> AsyncGenerator[Step]:
        entered.set()
        await stands.wait()
        async for step in watch(prefix, start):
            yield step

    monkeypatch.setattr(watching, "MOST_WATCHES", 1)
    monkeypatch.setattr(api.ledger, "watch", slow)
    first, second = (WatchClient(served, FORMS[0]) for _ in range(2))
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:

        async def watch_once() -> None:
            async with first.watching("", start):
                assert first.status == 200

        opening = tasks.create_task(watch_once())
        await entered.wait()
        async with second.watching("", start):
            assert second.status == 429
        stands.set()
        await opening
    await until(lambda: api.watches.open == 0)
    for _ in range(3):
        async with asyncio.timeout(20), second.watching("", "99999"):
            assert second.status == 400
    async with asyncio.timeout(20), second.watching("", start):
        assert second.status == 200, "whoever left or was refused takes no place"


async def test_a_watch_that_is_overtaken_ends_with_an_error_event(
    api: Api, served: Address
) -> None:
    start = await put(api, "rule", "a")
    client = WatchClient(served, FORMS[0])
    async with asyncio.timeout(20), client.watching("", str(start)):
        api.ledger.replace("beef")
        kind, told = await client.event()
        assert (kind, told["code"], told["reason"]) == ("ERROR", 410, "Expired")
        with pytest.raises(EOFError):
            await client.event()


async def test_a_watch_ends_after_the_time_it_asked_for(
    api: Api, served: Address
) -> None:
    await put(api, "rule", "a")
    client = WatchClient(served, FORMS[0])
    async with asyncio.timeout(20), client.watching("timeoutSeconds=1"):
        assert (await client.event())[0] == "ADDED"
        assert (await client.event())[0] == "BOOKMARK"
        with pytest.raises(EOFError):
            await client.event()


async def test_what_cannot_be_read_is_still_told_to_be_gone(
    api: Api, served: Address
) -> None:
    place = "/mesh/v1/default/destinationrules.networking.istio.io/default/odd"
    start = await api.ledger.commit([Write(place, b"no object")])
    client = WatchClient(served, FORMS[0])
    async with asyncio.timeout(20), client.watching("", str(start)):
        assert (await api.client.delete(f"{RULES}/odd")).status_code == 200
        kind, told = await client.event()
    assert (kind, told["metadata"]["name"]) == ("DELETED", "odd")


@pytest.mark.parametrize("drip", [b"", b" "])
async def test_a_body_that_dribbles_is_given_up(
    served: Address, monkeypatch: pytest.MonkeyPatch, drip: bytes
) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection(served.host, served.port)
    head = (
        f"PUT {RULES}/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n"
        "Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n{"
    )
    writer.write(head.encode())
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:

        async def dribble() -> None:
            while True:  # a byte now and then is no reason to wait longer
                writer.write(drip)
                await asyncio.sleep(0.02)

        dribbling = tasks.create_task(dribble())
        answer = await reader.readuntil(b"\r\n")
        dribbling.cancel()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408")
