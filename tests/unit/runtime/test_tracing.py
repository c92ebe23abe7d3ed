from __future__ import annotations

import resource
import subprocess
import sys
import time

import pytest
from structlog.testing import capture_logs

from meltemi.events.trace_context import TraceContext
from meltemi.kernel.clock import SystemClock
from meltemi.runtime import tracing as module
from meltemi.runtime.tracing import Told, Tracing
from meltemi.testkit.collector import Collector, collector
from meltemi.testkit.processes import free_port
from meltemi.testkit.waiting import until

CONTEXT = TraceContext(2**100 + 1, 11, sampled=True)


def tracing(heard: Collector | None) -> Tracing:
    url = heard.url if heard else f"http://127.0.0.1:{free_port()}"
    return Tracing(url, "galley", "galley-0", SystemClock())


def say(made: Tracing, own: TraceContext, parent: TraceContext | None = None) -> None:
    now = made.now()
    made.tell(Told("galley.put", own, now, now + 5, parent, {"mesh.revision": "7"}))


async def test_a_span_arrives_with_its_place_and_who_told_it() -> None:
    with collector() as heard:
        made = tracing(heard)
        say(made, CONTEXT)
        child = made.after(CONTEXT)
        say(made, child, CONTEXT)
        await until(lambda: len(heard.spans) == 2)
        made.close()
        root, second = heard.spans
        assert (root.service, root.about["service.instance.id"]) == (
            "galley",
            "galley-0",
        )
        assert (root.trace, root.parent) == (f"{CONTEXT.trace_id:032x}", "")
        assert (root.own, second.parent) == (f"{11:016x}", f"{11:016x}")
        assert second.own == f"{child.span_id:016x}"
        assert root.ended - root.started == 5
        assert root.attributes == {"mesh.revision": "7"}


async def test_nobody_hears_of_what_is_not_sampled() -> None:
    with collector() as heard:
        made = tracing(heard)
        say(made, TraceContext(5, 5, sampled=False))
        say(made, made.after(CONTEXT), CONTEXT)
        made.close()
        assert [each.parent for each in heard.spans] == [f"{11:016x}"]


@pytest.mark.parametrize("there", [True, False])
def test_a_collector_that_is_silent_or_away_costs_no_time(*, there: bool) -> None:
    with collector() as heard:
        heard.mute.set()
        made = tracing(heard if there else None)
        before = waits()
        for _ in range(20_000):
            say(made, CONTEXT)
        waited = waits() - before
        begun = time.perf_counter()
        made.close()
        closed = time.perf_counter() - begun
        heard.mute.clear()
    assert waited < 2_000, "whoever waits gives the processor away each time"
    assert closed < 2.0, "a service ends without it"


def waits() -> int:
    """Return how often this thread has waited for something (getrusage(2))."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


async def test_of_a_collector_that_is_away_the_log_tells() -> None:
    made = tracing(None)
    with capture_logs() as lines:
        say(made, CONTEXT)
        await until(lambda: bool(lines), seconds=30)
        made.close()
    (line,) = lines
    assert line["event"] == "collector.away"
    assert line["lost"] == 1


async def test_for_a_silent_collector_the_8192_newest_spans_wait_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EXPORT_SECONDS", 600.0)
    with collector() as heard:
        heard.mute.set()
        made = tracing(heard)
        say(made, CONTEXT)
        await until(lambda: heard.calls == 1)  # the first is being sent, alone
        for number in range(8192 + 100):
            own, now = made.after(CONTEXT), made.now()
            made.tell(Told("pilot.push", own, now, now, None, {"number": number}))
        heard.mute.clear()
        await until(lambda: len(heard.named("pilot.push")) >= 8192, seconds=60)
        made.close()
    numbers = [int(each.attributes["number"]) for each in heard.named("pilot.push")]
    assert sorted(numbers) == list(range(100, 8192 + 100)), "the oldest are lost"
    assert len(heard.named("galley.put")) == 1


async def test_a_silent_collector_is_given_up_and_heard_again_when_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TIMEOUT", "TRACES_TIMEOUT"):  # nobody else's word counts
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", "3600")
    with collector() as heard, capture_logs() as lines:
        heard.mute.set()
        made = tracing(heard)
        say(made, CONTEXT)
        await until(lambda: bool(lines), seconds=60)
        heard.mute.clear()
        say(made, made.after(CONTEXT))
        await until(lambda: len(lines) == 2, seconds=60)
        made.close()
    assert [each["event"] for each in lines] == ["collector.away", "collector.back"]


def test_services_that_trace_nothing_load_nothing_for_it() -> None:
    script = (
        "import sys, meltemi.pilot.__main__, meltemi.galley.__main__;"
        "print(sum(each.startswith('opentelemetry.sdk') for each in sys.modules))"
    )
    argv = [sys.executable, "-c", script]
    said = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "0"
