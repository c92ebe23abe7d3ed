"""Watching the demo's requests: ``tap``, ``top``, ``routes`` and ``logs``."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.up import answer, answers, eventually, outbound

if TYPE_CHECKING:
    from meltemi.testkit.up import Up

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

SECRETS = {"authorization": "Bearer abcdefghijklmnop", "cookie": "session=qrstuvwxyz"}
HOST = "ratings.default.svc.cluster.local"
NAMED = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: ratings, namespace: default}}
spec:
  hosts: [{HOST}]
  http:
  - name: gold
    match: [{{headers: {{x-tier: {{exact: gold}}}}}}]
    route: [{{destination: {{host: {HOST}}}}}]
  - name: usual
    route: [{{destination: {{host: {HOST}}}}}]
"""


def test_tap_tells_what_passes_and_matches_and_no_secret(mesh: Up) -> None:
    url = outbound(mesh, "reviews-v2", "ratings")
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            answer(f"{url}/nowhere", SECRETS)
            answer(f"{url}/ratings/0?token=abcdefghijklmnop", SECRETS)

    words = ("--path", "/ratings", "--status", "200", "--max", "3", "--for", "30")
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            said = mesh.do("tap", "reviews-v2", *words, "-o", "json")
        finally:
            enough.set()
        asking.result()
    found = [json.loads(each) for each in said.splitlines()]
    assert [each["path"] for each in found] == ["/ratings/0?token=[redacted]"] * 3
    assert {each["status"] for each in found} == {"200"}
    assert found[0]["duration_ms"] >= 0
    assert found[0]["request_headers"]["authorization"] == "[redacted]"
    assert "abcdefghijklmnop" not in said
    assert "qrstuvwxyz" not in said


def test_top_routes_and_logs_tell_of_the_same_requests(mesh: Up) -> None:
    mesh.apply(NAMED)
    url = outbound(mesh, "reviews-v3", "ratings")
    try:
        answers(f"{url}/ratings/0", 30, {"x-tier": "gold"})
        answers(f"{url}/ratings/0", 10)

        def counts() -> dict[str, int]:
            words = ("routes", "reviews-v3", "--window", "5m", "-o", "json")
            said = mesh.run(*words)  # 65 until the first line is written
            rows = json.loads(said.stdout or "[]")
            return {row["route"]: row["requests"] for row in rows}

        eventually(
            lambda: counts().get("gold") == 30 and counts().get("usual") == 10,
            seconds=30,
            what="each route has its own",
        )

        def busiest() -> list[str]:
            words = ("top", "reviews-v3", "--count", "1", "--window", "5m")
            rows = json.loads(mesh.do(*words, "-o", "json"))
            return [each["destination"]["workload"] for each in rows]

        eventually(lambda: busiest()[:1] == ["ratings-v1"], seconds=30, what="top")
        table = mesh.do("logs", "reviews-v3", "--requests", "--tail", "5")
        assert HOST in table.splitlines()[-1]
        assert "proxy.connected" in mesh.do("logs", "pilot-0", "--tail", "1000")
    finally:
        mesh.do("delete", "virtualservice/ratings")
