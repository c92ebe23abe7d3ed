from __future__ import annotations

import pytest

from meltemi.pilot import ir
from meltemi.pilot.emit.tracer import tracer

HERE = ir.Collector("c", "host", "me")
CALL = ir.HttpCall("c", "http://host/path", ir.SECOND, (("x", "y"),))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (ir.Zipkin(CALL), "zipkin"),
        (ir.Datadog(HERE), "datadog"),
        (ir.SkyWalking(HERE), "skywalking"),
        (ir.OpenTelemetry(HERE, CALL), "opentelemetry"),
    ],
)
def test_each_provider_is_a_tracer_of_envoys(made: ir.TraceProvider, name: str) -> None:
    assert tracer(made).name == f"envoy.tracers.{name}"
