"""What the ledger loses by the hour, and what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from meltemi.galley import sweeping
from meltemi.galley.sweeping import Sweeping
from meltemi.store.ports import Write

if TYPE_CHECKING:
    from meltemi.testkit.galleys import Api

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
DAY = 86_400
TURN = "/mesh/runtime/v1/default/sweeping"


async def put(api: Api, name: str, host: str) -> None:
    rule: dict[str, Any] = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name},
        "spec": {"host": host},
    }
    answer = await api.client.put(f"{RULES}/{name}", json=rule)
    assert answer.is_success


async def removed(api: Api, name: str) -> None:
    await put(api, name, "a")
    await put(api, name, "b")
    assert (await api.client.delete(f"{RULES}/{name}")).is_success


async def kept(api: Api) -> dict[str, int]:
    """Return how many versions are kept of each object."""
    listing = await api.ledger.list("/mesh/history/v1/", keys_only=True)
    names = [each.key.split("/")[-2] for each in listing.entries]
    return {name: names.count(name) for name in names}


async def sweep(api: Api) -> None:
    await Sweeping(api.ledger, "default", api.clock).sweep()


async def test_a_removed_object_can_be_had_back_for_thirty_days(api: Api) -> None:
    await removed(api, "gone")
    await put(api, "there", "a")
    await put(api, "there", "b")
    api.clock.advance(29 * DAY)
    await removed(api, "later")
    await sweep(api)
    assert await kept(api) == {"gone": 2, "later": 2, "there": 1}
    api.clock.advance(2 * DAY)
    await sweep(api)
    assert await kept(api) == {"later": 2, "there": 1}
    assert (await api.client.get(f"{RULES}/gone/history")).status_code == 404
    assert (await api.client.get(f"{RULES}/there/history")).status_code == 200


async def test_an_object_that_came_back_keeps_its_history(api: Api) -> None:
    await removed(api, "back")
    await put(api, "back", "c")
    api.clock.advance(40 * DAY)
    await sweep(api)
    assert await kept(api) == {"back": 2}


async def test_of_many_removed_objects_the_last_ones_are_kept(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "MOST_GONE", 2)
    for name in ("c", "a", "b"):
        await removed(api, name)
    await sweep(api)
    assert await kept(api) == {"a": 2, "b": 2}


@pytest.mark.parametrize("page", [1, 7, 1000])
async def test_a_history_is_cut_to_twenty_whoever_forgot_to(
    api: Api, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(sweeping, "A_PAGE", page)
    for number in range(26):
        await put(api, "long", f"host-{number}")
    await put(api, "short", "a")
    await put(api, "short", "b")
    assert await kept(api) == {"long": 25, "short": 1}
    await sweep(api)
    assert await kept(api) == {"long": 20, "short": 1}
    found = (await api.client.get(f"{RULES}/long/history")).json()["items"]
    assert found[0]["object"]["spec"]["host"] == "host-25"


async def test_an_expired_token_is_listed_for_a_week(api: Api) -> None:
    scope = {"verbs": ["read"], "kinds": ["*"], "namespaces": ["*"]}
    for name, seconds in (("short", 60), ("long", 30 * DAY)):
        wish = {"name": name, "scopes": [scope], "ttlSeconds": seconds}
        await api.client.post("/api/v1/tokens", json=wish)

    async def names() -> list[str]:
        found = (await api.client.get("/api/v1/tokens")).json()["items"]
        return [each["name"] for each in found]

    api.clock.advance(6 * DAY)
    await sweep(api)
    assert await names() == ["short", "long"]
    api.clock.advance(2 * DAY)
    await sweep(api)
    assert await names() == ["long"]


async def test_one_galley_sweeps_at_a_time_and_leaves_no_trace(api: Api) -> None:
    await removed(api, "gone")
    api.clock.advance(31 * DAY)
    async with api.ledger.lease(30) as held:
        await api.ledger.commit([Write(TURN, b"", None, held.id)])
        await sweep(api)
        assert await kept(api) == {"gone": 2}
    await sweep(api)
    assert await kept(api) == {}
    assert await api.ledger.get(TURN) is None


async def test_without_the_ledger_it_waits_for_the_next_time(api: Api) -> None:
    await removed(api, "gone")
    api.clock.advance(31 * DAY)
    api.ledger.available = False
    with capture_logs() as logs:
        await sweep(api)
    assert [each["event"] for each in logs] == ["ledger.not-swept"]
    api.ledger.recover()
    await sweep(api)
    assert await kept(api) == {}
