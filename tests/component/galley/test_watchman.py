"""An entry goes with its agent, and with nothing else that may break."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.config.ledger_keys import config_prefix
from meltemi.galley.absence import GONE_SECONDS, Kept
from meltemi.galley.adapters.watchman import ACTOR, Watchman
from meltemi.proxy.entry import entry_body, entry_path
from meltemi.store.ports import Write
from meltemi.testkit.agents import agent_settings
from meltemi.testkit.galleys import SILENCE

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.testkit.galleys import Api

NAMES = ("reviews-v1", "reviews-v2", "reviews-v3")
ALL = [f"{name}.default" for name in NAMES]
JSON = {"Content-Type": "application/json"}
ENTRIES = "/apis/networking.istio.io/v1/namespaces/default/workloadentries"


async def announce(api: Api, name: str, port: int, *, gone: bool = False) -> str:
    """Have a Pilot announced, or no longer; return where it is asked."""
    value = {"name": name, "http": f"127.0.0.1:{port}", "xds": "127.0.0.1:1"}
    key = f"/mesh/runtime/v1/default/pilots/{name}"
    put = None if gone else json.dumps(value).encode()
    await api.ledger.commit([Write(key, put)])
    return f"http://127.0.0.1:{port}/api/v1/presence"


async def registered(api: Api, folder: Path) -> Watchman:
    """Have three agents register; return who watches over their entries."""
    for name in NAMES:
        settings = agent_settings(folder, name=name)
        answer = await api.client.put(
            entry_path(settings), content=entry_body(settings), headers=JSON
        )
        assert answer.status_code == 201, answer.text
    kept = Kept()
    kept.replace(await api.ledger.list(config_prefix("default")))
    return Watchman(api.galley, kept)


async def names(api: Api) -> list[str]:
    found = (await api.client.get(ENTRIES)).json()["items"]
    return [each["metadata"]["name"] for each in found]


async def looks(api: Api, watchman: Watchman, seconds: float = GONE_SECONDS) -> None:
    await watchman.look()
    api.clock.advance(seconds)
    await watchman.look()


async def test_an_entry_is_removed_when_its_agent_left_and_did_not_come_back(
    api: Api, tmp_path: Path
) -> None:
    watchman = await registered(api, tmp_path)
    first, second = await announce(api, "p0", 5001), await announce(api, "p1", 5002)
    api.pilots[first] = {"connected": ALL[:1], "left": ALL[2:]}
    api.pilots[second] = {"connected": ALL[1:2], "left": []}
    await looks(api, watchman, GONE_SECONDS - 0.1)
    assert await names(api) == list(NAMES)
    await looks(api, watchman)
    assert await names(api) == list(NAMES[:2])
    audit = (await api.client.get(f"/api/v1/audit?actor={ACTOR}")).json()["items"]
    assert [each["verb"] for each in audit] == ["delete"]
    assert "its agent was connected to no Pilot" in audit[0]["reason"]


@pytest.mark.parametrize("other", ["silent", "lapsed", "all dead", "everybody left"])
async def test_what_cannot_be_seen_is_not_gone(
    api: Api, tmp_path: Path, other: str
) -> None:
    watchman = await registered(api, tmp_path)
    first, second = await announce(api, "p0", 5001), await announce(api, "p1", 5002)
    api.pilots[first] = {"connected": ALL[:2], "left": ALL[2:]}
    api.pilots[second] = {"connected": ALL[2:], "left": []}
    await watchman.look()
    if other == "silent":
        api.pilots[second] = SILENCE
    elif other == "lapsed":
        await announce(api, "p1", 5002, gone=True)
    elif other == "all dead":
        api.pilots.clear()
    else:
        api.pilots[first] = api.pilots[second] = {"connected": [], "left": ALL}
    for _ in range(9):
        await looks(api, watchman)
    assert await names(api) == list(NAMES)


async def test_a_failover_from_one_pilot_to_the_other_removes_nothing(
    api: Api, tmp_path: Path
) -> None:
    """Row F-22: a Pilot is killed."""
    watchman = await registered(api, tmp_path)
    first, second = await announce(api, "p0", 5001), await announce(api, "p1", 5002)
    api.pilots[first] = {"connected": ALL[:1], "left": ALL[2:]}
    api.pilots[second] = {"connected": ALL[1:], "left": []}
    await looks(api, watchman)
    del api.pilots[second]
    await looks(api, watchman, GONE_SECONDS - 0.1)
    api.pilots[first] = {"connected": ALL, "left": []}
    for _ in range(9):
        await looks(api, watchman)
    assert await names(api) == list(NAMES)
