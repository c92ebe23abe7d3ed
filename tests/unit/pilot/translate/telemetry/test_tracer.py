from __future__ import annotations

import msgspec
import pytest

from meltemi.config.schema.extension_provider import ExtensionProvider
from meltemi.config.values import decode_value
from meltemi.pilot import ir
from meltemi.pilot.translate.telemetry.tracer import limit, service_name, tracer
from meltemi.testkit.mesh import entry, sidecar_scope

SERVICES = entry("collector.example.com", "80 HTTP")
AT: dict[str, object] = {"service": "collector.example.com", "port": 80}
CLUSTER = "outbound|80||collector.example.com"
HOST = "collector.example.com"
HERE = ir.Collector(CLUSTER, HOST, "reviews.default")
SAMPLER = {"tenant": "t", "clusterId": 7}


def provider(kind: str, **more: object) -> ExtensionProvider:
    written = {"name": "p", kind: AT | more}
    return msgspec.convert(written, ExtensionProvider, dec_hook=decode_value)


def told(kind: str, **more: object) -> ir.TraceProvider | None:
    scope = sidecar_scope(SERVICES, labels={"app": "reviews"})
    return tracer(scope, provider(kind, **more))


def test_zipkin_is_told_over_http_in_its_second_format() -> None:
    call = ir.HttpCall(CLUSTER, f"http://{HOST}/api/v2/spans", 5 * ir.SECOND)
    assert told("zipkin") == ir.Zipkin(call)


def test_zipkins_settings_are_acted_on() -> None:
    made = told(
        "zipkin",
        path="/spans",
        timeout="1s",
        enable64bitTraceId=True,
        traceContextOption="USE_B3_WITH_W3C_PROPAGATION",
        headers=[{"name": "x", "value": "y"}, {"name": "z", "envName": "SECRET"}],
    )
    call = ir.HttpCall(CLUSTER, f"http://{HOST}/spans", ir.SECOND, (("x", "y"),))
    assert made == ir.Zipkin(call, wide_identifiers=False, w3c=True)


def test_datadog_and_skywalking_are_told_at_their_cluster() -> None:
    assert told("datadog") == ir.Datadog(HERE)
    assert told("skywalking", accessToken="s") == ir.SkyWalking(HERE, "s")


def test_opentelemetry_is_told_over_grpc_unless_http() -> None:
    grpc = {"timeout": "1s", "initialMetadata": [{"name": "x", "value": "y"}]}
    assert told("opentelemetry") == ir.OpenTelemetry(HERE, ir.GrpcCall())
    assert told("opentelemetry", grpc=grpc) == ir.OpenTelemetry(
        HERE, ir.GrpcCall(ir.SECOND, (("x", "y"),))
    )
    assert told("opentelemetry", http={"path": "/v1/traces"}) == ir.OpenTelemetry(
        HERE, ir.HttpCall(CLUSTER, f"{HOST}/v1/traces", 3 * ir.SECOND)
    )


def test_opentelemetry_can_find_out_where_it_runs() -> None:
    made = told("opentelemetry", resourceDetectors={"environment": {}, "dynatrace": {}})
    assert isinstance(made, ir.OpenTelemetry)
    assert made.detect_environment
    assert made.detect_dynatrace


def test_dynatraces_sampler_asks_the_collector_or_a_service_of_its_own() -> None:
    beside = told("opentelemetry", http={"path": "/v1"}, dynatraceSampler=SAMPLER)
    assert isinstance(beside, ir.OpenTelemetry)
    assert beside.sampler == ir.DynatraceSampler(
        "t",
        7,
        1000,
        ir.HttpCall(CLUSTER, f"{HOST}/api/v2/samplingConfiguration", 3 * ir.SECOND),
    )
    own = SAMPLER | {
        "rootSpansPerMinute": 5,
        "httpService": AT | {"http": {"path": "/s"}},
    }
    apart = told("opentelemetry", dynatraceSampler=own)
    assert isinstance(apart, ir.OpenTelemetry)
    assert apart.sampler == ir.DynatraceSampler(
        "t", 7, 5, ir.HttpCall(CLUSTER, f"{HOST}/s", 3 * ir.SECOND)
    )


def test_a_sampler_that_nobody_answers_leaves_no_tracer() -> None:
    assert told("opentelemetry", dynatraceSampler=SAMPLER) is None
    gone = {"service": "gone", "port": 1, "http": {"path": "/s"}}
    assert (
        told("opentelemetry", dynatraceSampler=SAMPLER | {"httpService": gone}) is None
    )


def test_lightstep_is_told_in_opentelemetrys_protocol() -> None:
    made = told("lightstep", accessToken="s")
    metadata = (("lightstep-access-token", "s"),)
    assert made == ir.OpenTelemetry(HERE, ir.GrpcCall(metadata=metadata))


@pytest.mark.parametrize("kind", ["opencensus", "envoyHttpAls"])
def test_what_takes_no_spans_is_no_tracer(kind: str) -> None:
    assert told(kind) is None


def test_a_provider_out_of_reach_is_no_tracer() -> None:
    assert told("zipkin", service="gone.example.com") is None


@pytest.mark.parametrize("kind", ["zipkin", "datadog", "opentelemetry", "lightstep"])
def test_a_provider_limits_paths(kind: str) -> None:
    assert limit(provider(kind, maxTagLength=9)) == 9
    assert limit(provider(kind)) is None


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("", "a.default"),
        (", defaultConfig: {tracingServiceName: CANONICAL_NAME_ONLY}", "c"),
        (
            ", defaultConfig: {tracingServiceName: CANONICAL_NAME_AND_NAMESPACE}",
            "c.default",
        ),
    ],
)
def test_spans_name_the_service_as_proxyconfig_says(wanted: str, name: str) -> None:
    scope = sidecar_scope(
        f"""
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {{name: default, namespace: istio-system}}
    spec: {{enableTracing: true{wanted}}}
    """,
        labels={"app": "a", "service.istio.io/canonical-name": "c"},
    )
    assert service_name(scope) == name
