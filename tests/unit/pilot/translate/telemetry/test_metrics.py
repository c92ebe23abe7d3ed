from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.translate.telemetry.levels import CLIENT
from meltemi.pilot.translate.telemetry.metrics import Meters, meters
from meltemi.testkit.mesh import indexed, sidecar_scope

if TYPE_CHECKING:
    from meltemi.pilot import ir


def counted(entry: str, providers: str = "[prometheus]") -> Meters:
    scope = sidecar_scope(f"""
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {{name: default, namespace: istio-system}}
    spec: {{defaultProviders: {{metrics: {providers}}}}}
    ---
    apiVersion: telemetry.istio.io/v1
    kind: Telemetry
    metadata: {{name: mesh, namespace: istio-system}}
    spec: {{metrics: [{entry}]}}
    """)
    return meters(scope, CLIENT, secure=False)


def test_an_envoy_without_the_logger_counts_nothing() -> None:
    text = """
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {name: default, namespace: istio-system}
    spec: {defaultProviders: {metrics: [prometheus]}}
    """
    has = ["envoy.filters.http.router"]
    group = proxy("sidecar~10.0.0.1~a.default~x", {}, extensions=has).group
    assert not meters(scope(indexed(text), group), CLIENT, secure=False)


def names(logs: tuple[ir.MetricLog, ...]) -> list[list[str]]:
    return [[metric.name for metric in log.metrics] for log in logs]


def test_nothing_is_counted_unless_a_prometheus_is_named() -> None:
    assert not counted("{}", "[]")
    assert not counted("{}", "[envoy]")
    assert not counted("{}", "[gone]")


def test_requests_are_counted_apart_by_protocol() -> None:
    http = counted("{}").http
    assert [log.only.grpc for log in http] == [False, True]
    assert (
        names(http)
        == [
            [
                "requests_total",
                "request_duration_milliseconds",
                "request_bytes",
                "response_bytes",
            ]
        ]
        * 2
    )
    protocols = [dict(log.metrics[0].tags)["request_protocol"] for log in http]
    assert protocols == ["http", "grpc"]


def test_connections_are_counted_when_they_open_and_when_they_close() -> None:
    tcp = counted("{}").tcp
    assert [log.only.moments for log in tcp] == [
        ("TcpUpstreamConnected",),
        ("TcpConnectionEnd",),
    ]
    assert names(tcp) == [
        ["tcp_connections_opened_total"],
        [
            "tcp_connections_closed_total",
            "tcp_sent_bytes_total",
            "tcp_received_bytes_total",
        ],
    ]


def test_what_is_turned_off_is_not_counted() -> None:
    off = counted(
        "{overrides: [{match: {metric: TCP_OPENED_CONNECTIONS}, disabled: true}]}"
    )
    assert len(off.tcp) == 1
    none = counted("{overrides: [{match: {metric: ALL_METRICS}, disabled: true}]}")
    assert not none


def test_tags_are_added_replaced_and_removed() -> None:
    change = (
        "{overrides: [{match: {metric: REQUEST_COUNT}, tagOverrides: "
        "{host: {value: request.host}, reporter: {value: \"'me'\"}, "
        "response_flags: {operation: REMOVE}}}]}"
    )
    total, duration, *_ = counted(change).http[0].metrics
    assert "request.host" in dict(total.tags)["host"]
    assert "'me'" in dict(total.tags)["reporter"]
    assert "response_flags" not in dict(total.tags)
    assert dict(duration.tags)["reporter"] == "source"
