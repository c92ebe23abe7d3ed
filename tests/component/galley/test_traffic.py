from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from meltemi.stats.report import Counted, Report
from meltemi.store.ports import Write
from meltemi.testkit.edges import counts, edge
from meltemi.testkit.galleys import SILENCE

if TYPE_CHECKING:
    from meltemi.testkit.galleys import Api


def told(*counted: tuple[Any, Any]) -> object:
    return msgspec.to_builtins(Report(tuple(Counted(*each) for each in counted)))


async def announce(api: Api, name: str, port: int, said: object) -> None:
    value = {"name": name, "http": f"127.0.0.1:{port}", "xds": "127.0.0.1:1"}
    key = f"/mesh/runtime/v1/default/pilots/{name}"
    await api.ledger.commit([Write(key, json.dumps(value).encode())])
    api.pilots[f"http://127.0.0.1:{port}/api/v1/stats?seconds=60"] = said


async def test_all_pilots_are_asked_what_passed_and_a_silent_one_is_skipped(
    api: Api,
) -> None:
    await announce(api, "pilot-0", 5001, told((edge(), counts(3, 4))))
    await announce(
        api, "pilot-1", 5002, told((edge(reporter="destination"), counts(3, 4)))
    )
    await announce(api, "pilot-2", 5003, SILENCE)
    found = (await api.client.get("/api/v1/stats")).json()
    (row,) = found["edges"]
    assert found["window_seconds"] == 60
    assert (row["security"], row["volume"]["requests"]) == ("mutual_tls", 2)
    assert found["workloads"][0]["workload"] == "api"


async def test_a_window_that_nobody_remembers_is_refused(api: Api) -> None:
    answer = await api.client.get("/api/v1/stats?window=1h")
    assert answer.status_code == 400
    assert "from 5s to 15m" in answer.text
