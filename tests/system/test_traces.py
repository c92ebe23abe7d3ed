"""One trace follows one change, and another one each request, to a real collector."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from meltemi.ctl.main import execute
from meltemi.events.trace_context import TraceContext, change_trace
from meltemi.kernel.names import Epoch, Revision
from meltemi.testkit.observed import HOST, PROVIDERS, Observed, observed
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.testkit.collector import Span

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

STEPS = ["galley.put", "relay.ring", "pilot.batch", "pilot.push", "ack"]
RULE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: api, namespace: default}}
spec:
  hosts: [{host}]
  http:
  - timeout: {seconds}s
    route: [{{destination: {{host: {host}}}}}]
"""

REFUSED = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: api, namespace: default}}
spec:
  host: {host}
  trafficPolicy:
    loadBalancer: {{consistentHash: {{httpHeaderName: x, maglev: {{tableSize: 4}}}}}}
"""
TRACED = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traced, namespace: default}
spec: {tracing: [{providers: [{name: tracer}], randomSamplingPercentage: 0}]}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Observed]:
    async with observed(tmp_path_factory.mktemp("m")) as made:
        yield made


def rule(seconds: int) -> str:
    return RULE.format(host=HOST, seconds=seconds)


async def traced(mesh: Observed, revision: str) -> str:
    """Return the trace of a change once every one of its spans is there."""

    def whole() -> bool:
        found = [
            each
            for each in mesh.collector.named("ack")
            if each.attributes["mesh.revision"] == revision
        ]
        return bool(found) and any(
            put.trace == found[0].trace for put in mesh.collector.named("galley.put")
        )

    await until(whole)
    (trace,) = {
        each.trace
        for each in mesh.collector.spans
        if each.attributes.get("mesh.revision") == revision
    }
    return trace


def named(mesh: Observed, trace: str, name: str) -> list[Span]:
    return [each for each in mesh.collector.trace(trace) if each.name == name]


async def test_3_one_trace_follows_one_change_from_its_write_to_its_ack(
    mesh: Observed,
) -> None:
    revision = await mesh.apply(rule(5))
    spans = mesh.collector.trace(await traced(mesh, revision))
    assert [each.name for each in spans] == STEPS
    assert [each.parent for each in spans] == ["", *(each.own for each in spans[:-1])]
    assert {each.attributes["mesh.revision"] for each in spans} == {revision}
    services = ["galley", "galley", "pilot", "pilot", "pilot"]
    assert [each.service for each in spans] == services
    assert spans[0].attributes["mesh.object"] == "VirtualService/default/api"
    assert spans[3].attributes["mesh.proxy"] == "web.default", "who calls needs it"
    assert all(each.started <= each.ended for each in spans)


async def test_3_the_trace_of_a_change_shows_that_envoy_refused_it(
    mesh: Observed,
) -> None:
    revision = await mesh.apply(REFUSED.format(host=HOST))
    trace = await traced(mesh, revision)
    await until(lambda: len(named(mesh, trace, "ack")) == 2)
    for ack in named(mesh, trace, "ack"):
        assert "prime" in ack.failed, "Envoy's own words"
        assert HOST in ack.failed, "and which cluster it is"
    assert {e.name for e in mesh.collector.trace(trace) if e.failed} == {"ack"}
    await mesh.clear()
    after = await mesh.apply(rule(6))
    later = named(mesh, await traced(mesh, after), "ack")
    assert not any(each.failed for each in later), (
        "what comes later is not blamed for it"
    )


async def test_3_changes_in_a_row_have_a_whole_trace_each(mesh: Observed) -> None:
    revisions = []
    for seconds in range(10, 20):
        answer = await mesh.plane.galley.put(
            "/apis/networking.istio.io/v1/namespaces/default/virtualservices/api",
            content=rule(seconds),
            headers={"content-type": "application/yaml"},
        )
        assert answer.is_success, answer.text
        revisions.append(answer.json()["metadata"]["resourceVersion"])
    traces = [await traced(mesh, each) for each in revisions]
    assert len(set(traces)) == len(revisions)
    for trace in traces:
        assert [each.name for each in mesh.collector.trace(trace)] == STEPS


async def test_3_the_trace_of_whoever_asked_is_linked_unless_it_is_not_sampled(
    mesh: Observed,
) -> None:
    asking = TraceContext(2**100 + 7, 7, sampled=True)
    silent = TraceContext(2**100 + 8, 7, sampled=False)
    for seconds, caller in ((30, asking), (31, silent)):
        answer = await mesh.plane.galley.put(
            "/apis/networking.istio.io/v1/namespaces/default/virtualservices/api",
            content=rule(seconds),
            headers={"content-type": "application/yaml", "traceparent": str(caller)},
        )
        revision = answer.json()["metadata"]["resourceVersion"]
        spans = mesh.collector.trace(await traced(mesh, revision))
        wanted = (f"{asking.trace_id:032x}",) if caller is asking else ()
        assert spans[0].links == wanted


async def test_3_a_collector_that_never_answers_delays_no_change(
    mesh: Observed,
) -> None:
    mesh.collector.mute.set()
    calls = mesh.collector.calls
    try:
        took = []
        for seconds in range(40, 60):
            begun = time.perf_counter()
            await mesh.apply(rule(seconds))
            took.append(time.perf_counter() - begun)
            assert (await mesh.call("/mute")).status_code == 200
        await until(lambda: mesh.collector.calls > calls)
    finally:
        mesh.collector.mute.clear()
    assert sorted(took)[len(took) // 2] < 1.0, took
    await mesh.clear()


async def test_a_share_of_changes_is_the_same_everywhere() -> None:
    await asyncio.sleep(0)
    every = [change_trace(Epoch("cafe"), Revision(each), 0.1) for each in range(5000)]
    assert 400 < sum(each.sampled for each in every) < 600


def why(mesh: Observed, request: str) -> list[dict[str, Any]]:
    """Return what ``meltemi why`` says of a request, from both proxies' own logs."""
    logs = mesh.folder / "seen" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for each in (mesh.web, mesh.api):
        link = logs / f"{each.role.name}.log"
        link.unlink(missing_ok=True)
        link.symlink_to(each.folder / "log")
    words = ("--state", str(logs.parent), "why", request, "-o", "json")
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(io.StringIO()):
        return json.loads(told.getvalue()) if execute(words) == 0 else []


async def test_why_joins_by_their_trace_what_no_request_id_does(
    mesh: Observed,
) -> None:
    """As if an application passed on ``traceparent``, and no ``x-request-id``."""
    trace = "5" * 32
    parent = f"00-{trace}-b7ad6b7169203331-01"
    for path in ("/untraced", "/also"):
        await mesh.call(path, {"x-request-id": path, "traceparent": parent})
    await mesh.apply(PROVIDERS.format(log="/dev/null", port=mesh.collector.grpc))
    await mesh.apply(TRACED)
    for path in ("/first", "/second"):
        await mesh.call(path, {"x-request-id": path, "traceparent": parent})
    await until(lambda: len(why(mesh, "/second")) == 4)
    found = why(mesh, "/second")
    assert {each["path"] for each in found} == {"/first", "/second"}
    assert {each["trace_id"] for each in found} == {trace}
    assert [each["proxy"] for each in found].count("web") == 2
    assert why(mesh, trace) == found
    alone = why(mesh, "/untraced")
    assert [each["path"] for each in alone] == ["/untraced"] * 2
    assert {each["trace_id"] for each in alone} == {None}, "nobody traced it"
    await mesh.clear()
