"""Every feature of Telemetry, done by two real Envoys: ``web`` calls ``api``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from meltemi.testkit.counting import Count, counts
from meltemi.testkit.leaks import check_leaks
from meltemi.testkit.observed import HOST, PROVIDERS, Observed, observed
from meltemi.testkit.tokens import signed
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.testkit.collector import Span

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

SENDING = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: api, namespace: default}}
spec:
  hosts: [{host}]
  http:
  - headers: {{request: {{set: {{x-password: {word}}}}}}}
    route: [{{destination: {{host: {host}}}}}]
"""
ROOT = "istio-system"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Observed]:
    async with observed(tmp_path_factory.mktemp("m")) as made:
        log, port = made.folder / "access.log", made.collector.grpc
        await made.apply(PROVIDERS.format(log=log, port=port))
        made.applied.clear()
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def mesh(running: Observed) -> AsyncIterator[Observed]:
    """The mesh, without a word about telemetry."""
    yield running
    await running.clear()


async def tell(
    mesh: Observed, spec: object, *, name: str = "told", namespace: str = "default"
) -> None:
    """Apply a Telemetry, and wait until both Envoys have it."""
    document = {
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
    await mesh.apply(json.dumps(document))


def lines(mesh: Observed, mark: str) -> list[str]:
    """Return what the file says of requests whose path begins with ``mark``."""
    file = Path(mesh.folder / "access.log")
    text = file.read_text() if file.exists() else ""
    return [each for each in text.splitlines() if mark in each]


def logged(*providers: str, **more: object) -> dict[str, object]:
    return {"accessLogging": [{"providers": [{"name": p} for p in providers], **more}]}


async def test_2_both_sides_log_a_line_of_text(mesh: Observed) -> None:
    await tell(mesh, logged("text"))
    assert (await mesh.call("/text", {"x-who": "ann"})).status_code == 200
    await until(lambda: len(lines(mesh, "/text")) == 2)
    assert lines(mesh, "/text") == ["/text 200 ann"] * 2


async def test_2_a_side_logs_json_alone_where_the_other_is_not_matched(
    mesh: Observed,
) -> None:
    await tell(mesh, logged("json", match={"mode": "SERVER"}))
    for path in ("/json", "/absent/json"):
        await mesh.call(path)
    await until(lambda: len(lines(mesh, "/absent/json")) == 1)
    found = [json.loads(each) for each in lines(mesh, "json")]
    assert found == [
        {"path": "/json", "code": 200},
        {"path": "/absent/json", "code": 404},
    ]


async def test_2_a_workload_logs_what_its_filter_lets_through(mesh: Observed) -> None:
    only = {"expression": "response.code >= 400"}
    spec = {"selector": {"matchLabels": {"app": "web"}}}
    await tell(mesh, {**spec, **logged("text", filter=only)})
    for path in ("/filter", "/absent/filter"):
        await mesh.call(path)
    await until(lambda: bool(lines(mesh, "/absent/filter")))
    assert lines(mesh, "filter") == ["/absent/filter 404 -"], "by web, and not by api"


async def test_2_a_namespace_silences_what_the_mesh_logs(mesh: Observed) -> None:
    await tell(mesh, logged("text"), namespace=ROOT)
    await mesh.call("/loud")
    await until(lambda: len(lines(mesh, "/loud")) == 2)
    await tell(mesh, {"accessLogging": [{"disabled": True}]})
    await mesh.call("/silent")
    await tell(
        mesh,
        {"selector": {"matchLabels": {"app": "api"}}, **logged("json")},
        name="api",
    )
    await mesh.call("/api")
    await until(lambda: bool(lines(mesh, "/api")))
    assert lines(mesh, "/silent") == []
    assert [json.loads(each)["path"] for each in lines(mesh, "/api")] == ["/api"]


async def test_2_records_go_to_a_collector_of_logs(mesh: Observed) -> None:
    await tell(mesh, logged("otel", match={"mode": "CLIENT"}))
    await mesh.call("/otel")
    heard = mesh.collector.records
    await until(lambda: any(each.body == "/otel" for each in heard))
    (record,) = [each for each in heard if each.body == "/otel"]
    assert record.attributes["code"] == "200"


async def test_2_entries_go_to_an_access_log_service(mesh: Observed) -> None:
    await tell(mesh, logged("als", match={"mode": "SERVER"}))
    await mesh.call("/als", {"x-who": "ben"})

    def heard() -> list[dict[str, object]]:
        found = (each.get("request", {}) for each in mesh.collector.entries)
        return [each for each in found if each.get("path") == "/als"]

    await until(lambda: bool(heard()))
    (request,) = heard()
    assert request["requestHeaders"] == {"x-who": "ben"}


def overrides(*given: dict[str, object]) -> dict[str, object]:
    return {"metrics": [{"overrides": list(given)}]}


async def counted(mesh: Observed, mark: str) -> dict[str, Count]:
    """Return the request counts of one call of each side; ``mark`` is its path."""
    before = {side: await counts(mesh, side) for side in ("web", "api")}
    found: dict[str, Count] = {}
    await mesh.call(mark)

    async def both() -> bool:
        for side in ("web", "api"):
            new = (await counts(mesh, side)) - before[side]
            if new.total():
                (found[side],) = [dict(each) for each in new]
        return len(found) == 2

    await eventually(both)
    return found


async def test_2_tags_are_added_changed_and_removed_by_reporter(
    mesh: Observed,
) -> None:
    changes = {
        "path": {"value": "request.url_path"},
        "request_protocol": {"value": "'mine'"},
        "response_flags": {"operation": "REMOVE"},
    }
    match = {"metric": "REQUEST_COUNT", "mode": "CLIENT"}
    await tell(mesh, overrides({"match": match, "tagOverrides": changes}))
    found = await counted(mesh, "/tags")
    assert found["web"]["path"] == "/tags"
    assert found["web"]["request_protocol"] == "mine"
    assert "response_flags" not in found["web"]
    assert "path" not in found["api"], "the other reporter is not matched"
    assert found["api"]["request_protocol"] == "http"
    assert found["api"]["response_flags"] == "-"


async def test_2_a_metric_is_left_out_by_one_reporter(mesh: Observed) -> None:
    match = {"metric": "REQUEST_COUNT", "mode": "SERVER"}
    await tell(mesh, overrides({"match": match, "disabled": True}))
    before = {side: await counts(mesh, side) for side in ("web", "api")}
    for _ in range(5):
        await mesh.call("/less")

    async def by_web() -> bool:
        return ((await counts(mesh, "web")) - before["web"]).total() == 5

    await eventually(by_web)
    assert await counts(mesh, "api") == before["api"]


async def test_2_a_workload_overrides_what_the_mesh_says_of_metrics(
    mesh: Observed,
) -> None:
    match = {"metric": "REQUEST_COUNT"}
    wide = {"tagOverrides": {"level": {"value": "'mesh'"}}}
    await tell(mesh, overrides({"match": match, **wide}), namespace=ROOT)
    narrow = {"tagOverrides": {"level": {"value": "'workload'"}}}
    selected = {"selector": {"matchLabels": {"app": "api"}}}
    await tell(mesh, {**selected, **overrides({"match": match, **narrow})})
    found = await counted(mesh, "/levels")
    assert (found["web"]["level"], found["api"]["level"]) == ("mesh", "workload")


def traced(share: float, **more: object) -> dict[str, object]:
    named = {"providers": [{"name": "tracer"}]}
    return {"tracing": [{**named, "randomSamplingPercentage": share, **more}]}


async def test_3_client_and_server_of_a_request_are_joined_in_one_trace(
    mesh: Observed,
) -> None:
    await tell(mesh, traced(100))
    parent = f"00-{TRACE}-{PARENT}-01"
    told = {"traceparent": parent, "tracestate": "mine=1", "x-user": "eve"}
    await mesh.call("/joined", told)
    await until(lambda: len(mesh.collector.trace(TRACE)) == 2)
    client, server = mesh.collector.trace(TRACE)
    assert (client.service, server.service) == ("web.default", "api.default")
    kinds = ("SPAN_KIND_CLIENT", "SPAN_KIND_SERVER")
    assert (client.kind, server.kind) == kinds
    assert (client.parent, server.parent) == (PARENT, client.own)
    assert client.started <= server.started
    assert server.attributes["istio.canonical_service"] == "api"
    seen = mesh.seen["/joined"]
    assert seen["traceparent"] == f"00-{TRACE}-{server.own}-01", "api may go on"
    assert seen["tracestate"] == "mine=1"


async def test_3_whoever_is_not_sampled_stays_so(mesh: Observed) -> None:
    await tell(mesh, traced(100))
    silent = "1" * 32
    await mesh.call("/silent", {"traceparent": f"00-{silent}-{PARENT}-00"})
    await mesh.call("/after")
    await until(lambda: _of(mesh, "/after") == 2)
    assert mesh.seen["/silent"]["traceparent"].endswith("-00")
    assert mesh.collector.trace(silent) == []


async def test_2_none_and_all_of_the_requests_are_sampled(mesh: Observed) -> None:
    await tell(mesh, traced(0))
    for _ in range(20):
        await mesh.call("/none")
    assert mesh.seen["/none"]["traceparent"].endswith("-00")
    await tell(mesh, traced(100))
    for _ in range(5):
        await mesh.call("/all")
    await until(lambda: _of(mesh, "/all") == 10)
    assert _of(mesh, "/none") == 0


async def test_2_spans_have_the_tags_that_are_told(mesh: Observed) -> None:
    tags = {
        "literal": {"literal": {"value": "always"}},
        "header": {"header": {"name": "x-user", "defaultValue": "anon"}},
        "home": {"environment": {"name": "PATH", "defaultValue": "none"}},
        "unset": {"environment": {"name": "NO_SUCH", "defaultValue": "none"}},
    }
    await tell(mesh, traced(100, customTags=tags))
    await mesh.call("/tagged", {"x-user": "eve"})
    await mesh.call("/plain")
    await until(lambda: _of(mesh, "/tagged") + _of(mesh, "/plain") == 4)
    for path, user in (("/tagged", "eve"), ("/plain", "anon")):
        for span in _spans(mesh, path):
            found = {name: span.attributes[name] for name in tags}
            assert found["home"] != "none", "what the proxy's environment says"
            del found["home"]
            assert found == {"literal": "always", "header": user, "unset": "none"}


async def test_2_a_workload_and_a_namespace_override_the_mesh_in_tracing(
    mesh: Observed,
) -> None:
    await tell(mesh, traced(100), namespace=ROOT)
    await tell(mesh, {"tracing": [{"randomSamplingPercentage": 0}]})
    await mesh.call("/namespace")
    selected = {"selector": {"matchLabels": {"app": "web"}}}
    tracing = [{"randomSamplingPercentage": 100}]
    await tell(mesh, {**selected, "tracing": tracing}, name="web")
    await mesh.call("/workload")
    await until(lambda: _of(mesh, "/workload") == 2)
    assert _of(mesh, "/namespace") == 0


async def test_2_spans_go_to_the_provider_that_is_named(mesh: Observed) -> None:
    named = {"providers": [{"name": "nobody"}]}
    spec = {"tracing": [{**named, "randomSamplingPercentage": 100}]}
    await tell(mesh, spec)
    for _ in range(5):
        assert (await mesh.call("/nobody")).status_code == 200, "nobody is waited for"
    await tell(mesh, traced(100))
    await mesh.call("/somebody")
    await until(lambda: _of(mesh, "/somebody") == 2)
    assert _of(mesh, "/nobody") == 0


async def test_3_a_collector_that_never_answers_delays_no_request(
    mesh: Observed,
) -> None:
    await tell(mesh, {**traced(100), **logged("otel", "als")})
    calls = mesh.collector.calls
    mesh.collector.mute.set()
    try:
        took = []
        for _ in range(100):
            answer = await mesh.call("/mute")
            assert answer.status_code == 200
            took.append(answer.elapsed.total_seconds())
        await until(lambda: mesh.collector.calls > calls)
        took += [(await mesh.call("/mute")).elapsed.total_seconds() for _ in range(50)]
    finally:
        mesh.collector.mute.clear()
    assert sorted(took)[-10] < 0.2, took


def _spans(mesh: Observed, path: str) -> list[Span]:
    return [
        each
        for each in mesh.collector.spans
        if each.attributes.get("http.url", "").endswith(path)
    ]


def _of(mesh: Observed, path: str) -> int:
    return len(_spans(mesh, path))


async def test_7_no_secret_of_a_request_or_an_object_is_in_a_trace_or_a_log(
    mesh: Observed,
) -> None:
    word = "only-this-callers-0123456789"
    token = signed({"iss": "tests", "sub": word})
    await tell(mesh, {**traced(100), **logged("json", "otel", "als")})
    revision = await mesh.apply(SENDING.format(host=HOST, word=word))
    planted = {
        "authorization": f"Bearer {token}",
        "cookie": f"session={word}",
        "x-api-key": word,
    }
    await mesh.call("/planted", planted)
    assert mesh.seen["/planted"]["x-password"] == word, "it did travel"

    def heard() -> bool:
        records = any(each.body == "/planted" for each in mesh.collector.records)
        changes = [
            each.attributes.get("mesh.revision") for each in mesh.collector.spans
        ]
        return records and _of(mesh, "/planted") == 2 and revision in changes

    await until(heard)
    await until(lambda: len(lines(mesh, "/planted")) == 2)
    log = (mesh.folder / "access.log").read_bytes()
    heard_all = {str(n): data for n, data in enumerate(mesh.collector.raw)}
    check_leaks({**heard_all, "log": log}, [word.encode(), token.encode()])
