"""``meltemi up --tracing``: every proxy of a mesh tells its spans to a collector."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from meltemi.testkit.collector import collector
from meltemi.testkit.up import Up, answer, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

OBJECTS = ("telemetry/tracing", "meshconfig/default", "serviceentry/tracing")
THROUGH = {"istio-ingressgateway.istio-system", "productpage.default"}


@contextlib.contextmanager
def traced(mesh: Up, port: int) -> Iterator[None]:
    """Have requests traced, and nothing of it afterwards."""
    try:
        said = mesh.do("up", "--capture=explicit", f"--tracing=127.0.0.1:{port}")
        assert f"every request, to 127.0.0.1:{port}" in said
        yield
    finally:
        for each in OBJECTS:
            mesh.do("delete", each, "-n", "istio-system")
            mesh.do("wait", each, "-n", "istio-system", "--for=delete")


def logged(mesh: Up) -> dict[str, Any] | None:
    """Return what the gateway has logged of the newest request that is traced."""
    every = mesh.json("logs", "gateway", "--requests", "--tail", "100")
    return next((each for each in reversed(every) if each["trace_id"]), None)


def test_up_has_the_proxies_tell_their_spans_and_why_names_the_trace(mesh: Up) -> None:
    with collector() as heard, traced(mesh, heard.grpc):
        answer(mesh.url("app"))
        eventually(lambda: logged(mesh) is not None, seconds=30, what="it is logged")
        found = logged(mesh)
        assert found is not None
        trace = found["trace_id"]
        eventually(
            lambda: {each.service for each in heard.trace(trace)} >= THROUGH,
            seconds=30,
            what="both proxies have told their spans",
        )
        told = mesh.do("why", found["request_id"])
        assert f"trace {trace}; spans, if sampled, are at collector.tracing:" in told
        assert "productpage-v1, called by spiffe://" in told
    eventually(
        lambda: answer(mesh.url("app")).status_code == 200, seconds=30, what="it serves"
    )
