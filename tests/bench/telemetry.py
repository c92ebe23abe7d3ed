"""What it costs to be seen: an Envoy's metrics a request, Pilot's spans a push."""

from __future__ import annotations

import http.client
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from measure import Figure

from meltemi.events.change import Change, Operation
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.connections import Connection
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.trail import Trail
from meltemi.runtime.tracing import Tracing
from meltemi.testkit.pair import Pair, pair
from meltemi.testkit.processes import free_port
from meltemi.xds.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS, TURNS, SIDES = 3000, 4, 2
"""One Envoy is both sides of a call. The cheapest turn of each way counts."""
METRICS_MICROSECONDS = 20.0
"""Of processor a request, on each side."""
PROXIES, CHANGES = 200, 20
COUNTED = """
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {name: default, namespace: istio-system}
spec: {defaultProviders: {metrics: [prometheus]}}
"""
UNSIZED = f"""{COUNTED}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: unsized, namespace: istio-system}}
spec:
  metrics:
  - overrides:
    - {{match: {{metric: REQUEST_SIZE}}, disabled: true}}
    - {{match: {{metric: RESPONSE_SIZE}}, disabled: true}}
"""
NODE = "sidecar~127.0.0.1~web-{}.default~default.svc.cluster.local"
EPOCH = Epoch("cafe")


def figures() -> Iterator[Figure]:
    """Yield the cost of metrics, and of the spans of a push."""
    turns = [(_turn(""), _turn(COUNTED), _turn(UNSIZED)) for _ in range(TURNS)]
    silent, counted, unsized = map(min, zip(*turns, strict=True))
    yield Figure("Envoy, a request on one side, uncounted", silent * 1e6, "us")
    cost = max(counted - silent, 0.0) * 1e6
    yield Figure("metrics of a request, on one side", cost, "us", METRICS_MICROSECONDS)
    cost = max(unsized - silent, 0.0) * 1e6
    yield Figure("the same without its two sizes", cost, "us")
    url = f"http://127.0.0.1:{free_port()}"  # nobody is there: spans are lost, as told
    tracing = Tracing(url, "pilot", "pilot-0", SystemClock())
    yield Figure("spans of a push and its ack", _pushes(Trail(tracing)) * 1e6, "us")
    tracing.close()


def _turn(objects: str) -> float:
    """Return the seconds of processor that Envoy takes for a request on one side."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        pair(Path(folder), objects) as both,
    ):
        envoy = _envoy(folder)
        _ask(both, REQUESTS // 10)
        before = _processor(envoy)
        _ask(both, REQUESTS)
        return (_processor(envoy) - before) / REQUESTS / SIDES


def _ask(both: Pair, count: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", both.outbound, timeout=10)
    for _ in range(count):
        connection.request("GET", "/")
        connection.getresponse().read()
    connection.close()


def _envoy(folder: str) -> psutil.Process:
    for each in psutil.Process().children():
        if any(folder in word for word in each.cmdline()):
            return each
    raise RuntimeError(f"no Envoy runs in {folder}")


def _processor(process: psutil.Process) -> float:
    """Return the seconds that ``process`` ran, as exactly as the kernel knows it.

    Source: docs.kernel.org/scheduler/sched-stats.html, /proc/PID/schedstat.
    """
    threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


def _pushes(trail: Trail) -> float:
    """Return the seconds that Pilot takes to tell of one push, as it asks for it."""
    streams = [_stream(number) for number in range(PROXIES)]
    for each in streams:
        trail.progressed(each, sent=False)
    begun = time.perf_counter()
    for number in range(2, CHANGES + 2):
        revision = Revision(number)
        trail.rung((_change(revision),), trail.now())
        for each in streams:
            each.session.revision = revision
            trail.progressed(each, sent=True)
        for each in streams:
            each.session.acked = revision
            trail.progressed(each, sent=False)
    return (time.perf_counter() - begun) / CHANGES / PROXIES


def _stream(number: int) -> Connection:
    return Connection(proxy(NODE.format(number), {}), Session(revision=1, acked=1))


def _change(revision: Revision) -> Change:
    before = Revision(revision - 1)
    return Change(EPOCH, before, revision, Operation.UPDATED, "/mesh/v1/x", b"{}")
