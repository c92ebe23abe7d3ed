from __future__ import annotations

import pytest

from meltemi.config.finding import Severity
from meltemi.config.rules.in_vain import METRICS, OURS, check_in_vain
from meltemi.config.rules.provider import BUILT_IN
from meltemi.pilot.model.mesh_config import ISTIO_DEFAULTS
from meltemi.pilot.translate.telemetry.counting import NAMES
from meltemi.testkit.mesh import resources


def paths(group: str, kind: str, spec: str) -> list[str]:
    (one,) = resources(f"""
    apiVersion: {group}
    kind: {kind}
    metadata: {{name: default, namespace: istio-system}}
    spec: {spec}
    """)
    found = list(check_in_vain(one.spec))
    assert {each.severity for each in found} <= {Severity.WARNING}
    assert {each.code for each in found} <= OURS
    return [each.path for each in found]


def telemetry(spec: str) -> list[str]:
    return paths("telemetry.istio.io/v1", "Telemetry", spec)


def mesh(provider: str) -> list[str]:
    spec = f"{{extensionProviders: [{provider}]}}"
    return paths("mesh.istio.io/v1alpha1", "MeshConfig", spec)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (
            "{tracing: [{disableContextPropagation: true}]}",
            "spec.tracing[0].disableContextPropagation",
        ),
        (
            "{accessLogging: [{filter: {expression: 'true'}}]}",
            "spec.accessLogging[0].filter",
        ),
        ("{metrics: [{reportingInterval: 5s}]}", "spec.metrics[0].reportingInterval"),
        (
            "{metrics: [{overrides: [{match: {metric: GRPC_REQUEST_MESSAGES}}]}]}",
            "spec.metrics[0].overrides[0].match.metric",
        ),
        (
            "{metrics: [{overrides: [{match: {customMetric: mine}}]}]}",
            "spec.metrics[0].overrides[0].match.customMetric",
        ),
    ],
)
def test_what_envoy_cannot_do_for_a_telemetry_is_told(spec: str, path: str) -> None:
    assert telemetry(spec) == [path]


TAG = 'spec.metrics[0].overrides[0].tagOverrides["x"].value'


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("request.host", []),
        ("request.host +", [TAG]),
        ("upstream_peer.labels['app']", [TAG]),
    ],
)
def test_a_tag_that_has_no_value_is_told(value: str, said: list[str]) -> None:
    spec = (
        f'{{metrics: [{{overrides: [{{tagOverrides: {{x: {{value: "{value}"}}}}}}]}}]}}'
    )
    assert telemetry(spec) == said


def test_a_filter_on_istios_own_state_is_told() -> None:
    entry = "{providers: [{name: a}], filter: {expression: downstream_peer.app == 'a'}}"
    path = "spec.accessLogging[0].filter.expression"
    assert telemetry(f"{{accessLogging: [{entry}]}}") == [path]


def test_what_is_acted_on_is_not_told() -> None:
    spec = """
      tracing: [{providers: [{name: z}], randomSamplingPercentage: 5}]
      accessLogging: [{providers: [{name: f}], filter: {expression: "true"}}]
      metrics: [{overrides: [{match: {customMetric: istio_requests_total}}]}]"""
    assert telemetry(spec) == []


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("{name: s, stackdriver: {}}", "stackdriver"),
        ("{name: o, opencensus: {service: a, port: 1}}", "opencensus"),
        (
            "{name: z, zipkin: {service: a, port: 1, headers: [{name: x, envName: SECRET}]}}",
            "zipkin.headers[0]",
        ),
        (
            (
                "{name: o, opentelemetry: {service: a, port: 1, http: "
                "{path: /v1, headers: [{name: x, value: v}, {name: x, envName: SECRET}]}}}"
            ),
            "opentelemetry.http.headers[1]",
        ),
        (
            (
                "{name: o, opentelemetry: {service: a, port: 1, grpc: "
                "{initialMetadata: [{name: x, envName: SECRET}]}}}"
            ),
            "opentelemetry.grpc.initialMetadata[0]",
        ),
    ],
)
def test_a_provider_that_nobody_speaks_to_is_told(provider: str, path: str) -> None:
    assert mesh(provider) == [f"spec.extensionProviders[0].{path}"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{url: 'oci://m.example/x', imagePullPolicy: Always}", []),
        ("{url: m.example/x, imagePullSecret: s}", []),
        ("{url: 'https://m.example/x'}", []),
        ("{url: 'http://m.example/x'}", ["sha256"]),
        (f"{{url: 'http://m.example/x', sha256: {'a' * 64}}}", []),
        ("{url: 'file:///x', verificationKey: k}", ["verificationKey"]),
    ],
)
def test_a_module_that_is_not_taken_as_told_is_told_of(
    spec: str, said: list[str]
) -> None:
    group = "extensions.istio.io/v1alpha1"
    assert paths(group, "WasmPlugin", spec) == [f"spec.{each}" for each in said]
    extension = paths(group, "TrafficExtension", f"{{wasm: {spec}}}")
    assert extension == [f"spec.wasm.{each}" for each in said]


@pytest.mark.parametrize(
    ("strategy", "then"),
    [("FAIL_OPEN", "passes without it"), ("FAIL_CLOSE", "is refused")],
)
def test_the_author_hears_what_becomes_of_the_traffic(strategy: str, then: str) -> None:
    (one,) = resources(f"""
    apiVersion: extensions.istio.io/v1alpha1
    kind: WasmPlugin
    metadata: {{name: p, namespace: default}}
    spec: {{url: "http://m.example/x", failStrategy: {strategy}}}
    """)
    (told,) = check_in_vain(one.spec)
    assert then in told.message


def test_a_script_needs_nothing_from_anywhere() -> None:
    spec = "{lua: {inlineCode: '--'}}"
    assert paths("extensions.istio.io/v1alpha1", "TrafficExtension", spec) == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("concurrency: 2", []),
        ("tracing: {sampling: 5}", []),
        ("tracing: {zipkin: {address: 'z:9411'}}", []),
        (
            "tracing: {zipkin: {}, tlsSettings: {mode: SIMPLE, caCertificates: /a}}",
            ["tracing.tlsSettings"],
        ),
        ("tracing: {openCensusAgent: {}}", ["tracing.openCensusAgent"]),
        ("proxyHeaders: {attemptCount: {disabled: true}}", []),
        (
            "connectionSettings: {globalDownstreamConnectionLimit: 9}",
            [],
        ),
        ("proxyMetadata: {}", []),
        ("proxyMetadata: {ISTIO_META_MELTEMI_VHDS: 'true'}", []),
        (
            "proxyMetadata: {ISTIO_META_MELTEMI_EXPLICIT: x}",
            ['proxyMetadata["ISTIO_META_MELTEMI_EXPLICIT"]'],
        ),
        ("drainDuration: 5s, statusPort: 1", ["statusPort"]),
        ("readinessProbe: {tcpSocket: {port: 1}}", ["readinessProbe"]),
        (
            "proxyMetadata: {ENVOY_PROMETHEUS_PORT: '1', ISTIO_META_A: b}",
            ['proxyMetadata["ENVOY_PROMETHEUS_PORT"]'],
        ),
    ],
)
def test_what_a_proxy_reads_at_its_start_is_told(config: str, said: list[str]) -> None:
    spec = f"{{defaultConfig: {{{config}}}}}"
    found = paths("mesh.istio.io/v1alpha1", "MeshConfig", spec)
    assert found == [f"spec.defaultConfig.{each}" for each in said]


def test_the_meshs_own_log_service_is_told() -> None:
    spec = "{enableEnvoyAccessLogService: true}"
    found = paths("mesh.istio.io/v1alpha1", "MeshConfig", spec)
    assert found == ["spec.enableEnvoyAccessLogService"]


def test_what_of_a_proxyconfig_no_machine_takes_is_told() -> None:
    variables = "{A: b, ISTIO_META_A: b, ISTIO_META_TLS_CLIENT_KEY: /key}"
    image = "image: {imageType: debug}"
    spec = f"{{concurrency: 0, environmentVariables: {variables}, {image}}}"
    found = paths("networking.istio.io/v1beta1", "ProxyConfig", spec)
    assert found == [
        "spec.image",
        'spec.environmentVariables["A"]',
        'spec.environmentVariables["ISTIO_META_TLS_CLIENT_KEY"]',
    ]


PROXY = 'spec.metadata.annotations["proxy.istio.io/config"]'


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("probe: {tcpSocket: {port: 80}}", []),
        ("probe: {exec: {command: [a]}}", ["spec.probe.exec"]),
        ("metadata: {annotations: {proxy.istio.io/config: '{'}}", [PROXY]),
        (
            "metadata: {annotations: {proxy.istio.io/config: 'concurrency: 2'}}",
            [f"{PROXY}.concurrency"],
        ),
        (
            "metadata: {annotations: {proxy.istio.io/config: 'tracing: {}'}}",
            [],
        ),
        ("metadata: {labels: {app: a}}", []),
    ],
)
def test_what_a_group_says_in_vain_is_told(spec: str, said: list[str]) -> None:
    written = f"{{template: {{ports: {{http: 80}}}}, {spec}}}"
    assert paths("networking.istio.io/v1", "WorkloadGroup", written) == said


def test_the_metrics_that_are_known_are_those_that_are_counted() -> None:
    assert set(NAMES.values()) == METRICS


@pytest.mark.parametrize("part", ["BOOTSTRAP", "EXTENSION_CONFIG"])
def test_a_patch_of_what_pilot_does_not_send_is_in_vain(part: str) -> None:
    spec = f"{{configPatches: [{{applyTo: {part}, patch: {{operation: MERGE, value: {{}}}}}}]}}"
    assert paths("networking.istio.io/v1alpha3", "EnvoyFilter", spec) == [
        "spec.configPatches[0].applyTo"
    ]


@pytest.mark.parametrize("part", ["tracing", "metrics", "accessLogging"])
def test_a_default_provider_that_is_not_there_is_told(part: str) -> None:
    def defaults(name: str) -> list[str]:
        tracer = "{name: tracer, zipkin: {service: a, port: 1}}"
        chosen = f"{{{part}: [prometheus, {name}]}}"
        spec = f"{{extensionProviders: [{tracer}], defaultProviders: {chosen}}}"
        return paths("mesh.istio.io/v1alpha1", "MeshConfig", spec)

    assert defaults("Tracer") == []
    assert defaults("nobody") == [f"spec.defaultProviders.{part}[1]"]


def test_the_providers_of_every_mesh_are_those_that_pilot_has() -> None:
    assert {each.name for each in ISTIO_DEFAULTS.extension_providers} == set(BUILT_IN)
