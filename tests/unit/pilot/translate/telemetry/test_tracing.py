from __future__ import annotations

import pytest

from meltemi.pilot import ir
from meltemi.pilot.translate.telemetry.levels import CLIENT, SERVER
from meltemi.pilot.translate.telemetry.tracing import tracing
from meltemi.testkit.mesh import entry, sidecar_scope

COLLECTOR = entry("collector.example.com", "9411 HTTP")
AT = "service: collector.example.com, port: 9411"
ZIPKIN = f"{{name: z, zipkin: {{{AT}, maxTagLength: 7}}}}"
SKYWALKING = f"{{name: s, skywalking: {{{AT}}}}}"


def traced(
    *entries: str, mesh: str = "", providers: str = f"{ZIPKIN}, {SKYWALKING}"
) -> tuple[ir.Tracing | None, ir.Tracing | None]:
    """Return what clients and servers trace under entries of one level each."""
    homes = ("istio-system", "default")
    levels = "".join(
        f"""
    ---
    apiVersion: telemetry.istio.io/v1
    kind: Telemetry
    metadata: {{name: level, namespace: {home}}}
    spec: {{tracing: [{entry}]}}
    """
        for home, entry in zip(homes, entries, strict=False)
    )
    scope = sidecar_scope(f"""
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {{name: default, namespace: istio-system}}
    spec: {{extensionProviders: [{providers}]{mesh}}}
    {levels}{COLLECTOR}""")
    return tracing(scope, CLIENT), tracing(scope, SERVER)


def names(made: ir.Tracing) -> set[str]:
    return {each.name for each in made.tags if not each.name.startswith("istio.")}


def test_without_telemetry_the_mesh_decides_and_names_nobody() -> None:
    client, _ = traced(mesh=", defaultConfig: {tracing: {sampling: 40}}")
    assert client is not None
    assert (client.random, client.provider) == (40, None)
    assert traced(mesh=", enableTracing: false") == (None, None)


def test_the_mesh_can_do_without_istios_tags() -> None:
    client, _ = traced(mesh=", defaultConfig: {tracing: {enableIstioTags: false}}")
    assert client is not None
    assert client.tags == ()


def test_default_providers_need_no_telemetry() -> None:
    client, server = traced(mesh=", defaultProviders: {tracing: [z]}")
    assert client is not None
    assert client == server
    assert isinstance(client.provider, ir.Zipkin)
    assert client.random == 1.0
    assert client.max_path_length == 7


@pytest.mark.parametrize(
    "entry", ["{providers: [{name: gone}]}", "{randomSamplingPercentage: 5}"]
)
def test_without_a_provider_nothing_is_traced(entry: str) -> None:
    assert traced(entry) == (None, None)


def test_an_entry_is_about_its_side() -> None:
    client, server = traced("{match: {mode: SERVER}, providers: [{name: z}]}")
    assert client is None
    assert server is not None


def test_a_narrower_level_overrides_field_by_field() -> None:
    wide = (
        "{providers: [{name: z}], randomSamplingPercentage: 5, "
        "useRequestIdForTraceSampling: false, customTags: {a: {literal: {value: x}}}}"
    )
    client, _ = traced(wide, "{randomSamplingPercentage: 0}")
    assert client is not None
    assert (client.random, client.use_request_id) == (0.0, False)
    assert names(client) == {"a"}
    client, _ = traced(wide, "{customTags: {b: {literal: {value: x}}}}")
    assert client is not None
    assert names(client) == {"b"}, "tags replace the wider level's as a whole"


def test_spans_can_be_turned_off_and_on_again() -> None:
    wide = "{providers: [{name: z}], disableSpanReporting: true}"
    assert traced(wide)[0] is None
    assert traced(wide, "{disableSpanReporting: false}")[0] is not None


def test_istios_tags_can_be_left_out_and_a_persons_own_stay() -> None:
    entry = (
        "{providers: [{name: z}], enableIstioTags: false, "
        "customTags: {istio.mine: {literal: {value: x}}}}"
    )
    client, _ = traced(entry)
    assert client is not None
    assert [each.name for each in client.tags] == ["istio.mine"]


def test_skywalking_makes_a_span_for_the_way_out() -> None:
    client, _ = traced("{providers: [{name: s}]}")
    assert client is not None
    assert client.child_span


def test_a_sampler_of_its_own_sees_every_request() -> None:
    sampler = "http: {path: /v1}, dynatraceSampler: {tenant: t, clusterId: 1}"
    otel = f"{{name: o, opentelemetry: {{{AT}, {sampler}}}}}"
    entry = "{providers: [{name: o}], randomSamplingPercentage: 5}"
    client, _ = traced(entry, providers=otel)
    assert client is not None
    assert client.random == 100.0
