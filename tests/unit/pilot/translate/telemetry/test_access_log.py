from __future__ import annotations

import pytest

from meltemi.config.schema.telemetry import (
    AccessLogFilter,
    AccessLogging,
    ProviderRef,
    SideMatch,
)
from meltemi.pilot import ir
from meltemi.pilot.translate.telemetry.access_log import access_logs, unrouted, wanted
from meltemi.pilot.translate.telemetry.levels import CLIENT, SERVER
from meltemi.testkit.mesh import entry, sidecar_scope

FILE = (ProviderRef(name="file"),)
ERRORS = AccessLogFilter(expression="response.code >= 500")
COLLECTOR = entry("collector.example.com", "4317 GRPC")


def meshed(providers: str, entry: str, more: str = "") -> tuple[ir.Written, ...]:
    scope = sidecar_scope(f"""
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {{name: default, namespace: istio-system}}
    spec: {{accessLogFile: /mesh.log, extensionProviders: [{providers}]}}
    ---
    apiVersion: telemetry.istio.io/v1
    kind: Telemetry
    metadata: {{name: mesh, namespace: istio-system}}
    spec: {{accessLogging: [{entry}]}}
    {more}""")
    return access_logs(scope, CLIENT)


def test_without_telemetry_the_default_providers_log() -> None:
    assert wanted([], ("file",), CLIENT) == {"file": ""}


def test_a_narrower_level_inherits_providers_and_can_disable_them() -> None:
    off = (AccessLogging(disabled=True),)
    assert wanted([(AccessLogging(providers=FILE),), off], (), CLIENT) == {"file": None}


def test_what_is_disabled_on_one_side_goes_on_on_the_other() -> None:
    off = (AccessLogging(disabled=True, match=SideMatch(mode=SERVER)),)
    levels = [(AccessLogging(providers=FILE),), off]
    assert wanted(levels, (), SERVER) == {"file": None}
    assert wanted(levels, (), CLIENT) == {"file": ""}


def test_the_narrowest_level_that_names_providers_wins() -> None:
    other = (AccessLogging(providers=(ProviderRef(name="other"),)),)
    found = wanted([(AccessLogging(providers=FILE),), other], (), CLIENT)
    assert found == {"other": ""}


def test_entries_of_one_level_add_up() -> None:
    other = AccessLogging(providers=(ProviderRef(name="other"),))
    found = wanted([(AccessLogging(providers=FILE), other)], (), CLIENT)
    assert found == {"file": "", "other": ""}


def test_a_mode_and_a_filter_hold_for_their_side_only() -> None:
    said = AccessLogging(providers=FILE, match=SideMatch(mode=SERVER), filter=ERRORS)
    assert wanted([(said,)], (), SERVER) == {"file": "response.code >= 500"}
    assert wanted([(said,)], (), CLIENT) == {}


def test_a_filter_is_that_of_the_last_entry_which_names_the_provider() -> None:
    first = AccessLogging(providers=FILE, filter=ERRORS)
    unnamed = AccessLogging(filter=AccessLogFilter(expression="false"))
    found = wanted([(first,), (unnamed,)], (), CLIENT)
    assert found == {"file": "response.code >= 500"}
    again = AccessLogging(providers=FILE)
    assert wanted([(first,), (again,)], (), CLIENT) == {"file": ""}


def test_the_provider_envoy_is_there_and_logs_in_the_meshs_format() -> None:
    (log,) = meshed("", "{providers: [{name: envoy}]}")
    assert isinstance(log, ir.FileLog)
    assert log.path == "/dev/stdout"


def test_a_disabled_log_is_not_replaced_by_the_meshs_file() -> None:
    assert meshed("", "{providers: [{name: envoy}], disabled: true}") == ()


@pytest.mark.parametrize(
    "providers",
    [
        "",
        "{name: x, zipkin: {service: collector.example.com, port: 4317}}",
        "{name: x, envoyOtelAls: {service: gone.example.com, port: 4317}}",
        "{name: x, envoyHttpAls: {service: collector.example.com, port: 1}}",
    ],
    ids=["unknown", "no logger", "unknown service", "unknown port"],
)
def test_a_provider_that_cannot_log_leaves_the_meshs_file(providers: str) -> None:
    (log,) = meshed(providers, "{providers: [{name: x}]}", COLLECTOR)
    assert isinstance(log, ir.FileLog)
    assert log.path == "/mesh.log"


def test_a_file_is_written_as_its_provider_says() -> None:
    text = "{name: x, envoyFileAccessLog: {path: /a, logFormat: {text: '%PROTOCOL%'}}}"
    assert meshed(text, "{providers: [{name: x}]}") == (
        ir.FileLog("/a", text="%PROTOCOL%\n"),
    )
    labels = (
        "{name: x, envoyFileAccessLog: "
        "{omitEmptyValues: true, logFormat: {labels: {a: '%PROTOCOL%'}}}}"
    )
    assert meshed(labels, "{providers: [{name: x}]}") == (
        ir.FileLog("/dev/stdout", fields=(("a", '"%PROTOCOL%"'),), omit_empty=True),
    )


def test_a_service_is_told_through_its_cluster() -> None:
    at = "service: collector.example.com, port: 4317"
    providers = (
        f"{{name: a, envoyHttpAls: {{{at}, additionalRequestHeadersToLog: [x]}}}},"
        f"{{name: b, envoyTcpAls: {{{at}, filterStateObjectsToLog: [s]}}}},"
        f"{{name: c, envoyOtelAls: {{{at}, logFormat: {{labels: {{t: '%TRACE_ID%'}}}}}}}}"
    )
    names = "{providers: [{name: a}, {name: b}, {name: c}]}"
    http, tcp, otel = meshed(providers, names, COLLECTOR)
    assert isinstance(http, ir.ServiceLog)
    assert isinstance(tcp, ir.ServiceLog)
    assert isinstance(otel, ir.OtelLog)
    cluster = "outbound|4317||collector.example.com"
    assert {http.cluster, tcp.cluster, otel.cluster} == {cluster}
    assert (http.tcp, tcp.tcp) == (False, True)
    assert http.request_headers == ("x",)
    assert tcp.state == ("s",)
    assert otel.labels == (("t", "%TRACE_ID%"),)


def test_a_listener_tells_of_what_no_chain_took_alone() -> None:
    log = ir.FileLog("/a", only=ir.LogFilter(expression="true"))
    (made,) = unrouted([log])
    assert made.only == ir.LogFilter(expression="true", flags=("NR",))
