from __future__ import annotations

from dataclasses import replace

import pytest

from meltemi.pilot import ir
from meltemi.pilot.emit.http_filter import http_filters
from meltemi.pilot.model.features import Features
from meltemi.pilot.translate.resources import resources
from meltemi.pilot.translate.telemetry.instruments import instruments
from meltemi.testkit.mesh import entry, gateway_scope, sidecar_scope

REVIEWS = """
    ---
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews}
    spec:
      hosts: [reviews.default.svc.cluster.local]
      location: MESH_INTERNAL
      resolution: STATIC
      ports: [{number: 9080, name: http, protocol: HTTP}, {number: 90, name: tcp, protocol: TCP}]
      workloadSelector: {labels: {app: reviews}}
    """
EXTERNAL = entry("api.example.com", "80 HTTP")
EXPLICIT = {
    "inbound": "127.0.0.1:21100",
    "apps": {"9080": "127.0.0.1:21200", "90": "127.0.0.1:21201"},
    "outbound": {
        "reviews.default.svc.cluster.local:9080": "127.0.0.1:21003",
        "reviews.default.svc.cluster.local:90": "127.0.0.1:21004",
    },
}
LOGGED = "accessLogging: [{match: {mode: SERVER}, providers: [{name: envoy}]}]"


def mesh(config: str = "", telemetry: str = "") -> str:
    return f"""
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {{name: default, namespace: istio-system}}
    spec: {{{config}}}
    ---
    apiVersion: telemetry.istio.io/v1
    kind: Telemetry
    metadata: {{name: mesh, namespace: istio-system}}
    spec: {{{telemetry}}}
    {REVIEWS}{EXTERNAL}"""


COUNTED = mesh("defaultProviders: {metrics: [prometheus]}")


def made(text: str) -> ir.Resources:
    return resources(sidecar_scope(text, labels={"app": "reviews"}, explicit=EXPLICIT))


def handlers(text: str, direction: ir.Direction) -> list[ir.HttpFilter | ir.TcpFilter]:
    return [
        chain.filter
        for listener in made(text).listeners
        if listener.direction is direction
        for chain in listener.chains
    ]


def test_each_side_writes_its_own_log() -> None:
    text = mesh(telemetry=LOGGED)
    assert all(each.access_logs for each in handlers(text, ir.Direction.INBOUND))
    assert not any(each.access_logs for each in handlers(text, ir.Direction.OUTBOUND))


def test_a_gateway_is_a_client() -> None:
    edge = """
    ---
    apiVersion: networking.istio.io/v1
    kind: Gateway
    metadata: {name: edge, namespace: istio-system}
    spec:
      selector: {istio: ingressgateway}
      servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
    """
    for mode, logs in (("SERVER", 0), ("CLIENT", 1)):
        text = mesh(telemetry=LOGGED.replace("SERVER", mode)) + edge
        (listener,) = resources(gateway_scope(text)).listeners
        assert len(listener.chains[0].filter.access_logs) == logs


@pytest.mark.parametrize(("off", "logs"), [("false", 1), ("true", 0)])
def test_a_listener_tells_of_what_no_chain_took_unless_told_not_to(
    off: str, logs: int
) -> None:
    text = mesh(f"accessLogFile: /log, disableEnvoyListenerLog: {off}")
    inbound, *_ = [
        each for each in made(text).listeners if each.direction is ir.Direction.INBOUND
    ]
    assert len(inbound.access_logs) == logs
    assert all(each.only.flags == ("NR",) for each in inbound.access_logs)


def test_nobody_is_told_of_connections_that_would_come_back() -> None:
    found = [
        chain.filter
        for listener in resources(sidecar_scope(mesh("accessLogFile: /log"))).listeners
        for chain in listener.chains
        if chain.name.endswith("-blackhole")
    ]
    assert found
    assert not any(each.access_logs for each in found)


def test_openings_of_connections_are_counted_and_not_logged() -> None:
    text = COUNTED.replace("spec: {}", f"spec: {{{LOGGED}}}")
    (tcp,) = [
        each
        for each in handlers(text, ir.Direction.INBOUND)
        if isinstance(each, ir.TcpFilter)
    ]
    log, opened, closed = tcp.access_logs
    assert tcp.count_openings
    assert log.only.moments == closed.only.moments == ("TcpConnectionEnd",)
    assert opened.only.moments == ("TcpUpstreamConnected",)


def test_a_caller_is_believed_where_it_showed_a_certificate() -> None:
    permissive = [
        (chain.tls is not None, chain.filter.peer)
        for listener in made(COUNTED).listeners
        for chain in listener.chains
        if isinstance(chain.filter, ir.HttpFilter)
        and listener.direction is ir.Direction.INBOUND
    ]
    assert set(permissive) == {
        (True, ir.PeerHeader.READ),
        (False, ir.PeerHeader.DROP),
    }


def test_only_services_of_the_mesh_are_told_who_calls() -> None:
    counted = made(COUNTED)
    callers = {
        dict(chain.filter.caller).get("service")
        for listener in counted.listeners
        for chain in listener.chains
        if isinstance(chain.filter, ir.HttpFilter)
        and listener.direction is not ir.Direction.INBOUND
    }
    assert callers == {"reviews"}
    found = {each.name: each for each in counted.clusters}
    inside = found["outbound|9080||reviews.default.svc.cluster.local"]
    outside = found["outbound|80||api.example.com"]
    own = found["inbound|9080||"]
    assert not (inside.http and inside.http.strange)
    assert outside.http
    assert outside.http.strange
    assert (inside.counted, outside.counted, own.counted) == (True, True, True)
    assert own.services[0].host == "reviews.default.svc.cluster.local"


def test_without_metrics_nothing_is_said_for_them() -> None:
    plain = made(mesh())
    assert not any(each.counted for each in plain.clusters)
    assert not any(each.counted for each in plain.assignments)


def test_a_refusal_of_a_persons_words_leads_back_to_them() -> None:
    assert instruments(sidecar_scope(mesh(telemetry=LOGGED))).origins == ()
    said = LOGGED.replace("]}]", "], filter: {expression: 'true'}}]")
    listeners = made(mesh(telemetry=said)).listeners
    for each in listeners:
        assert each.origins[-1].subject == "Telemetry/istio-system/mesh"


@pytest.mark.parametrize("on", [True, False])
def test_requests_can_be_listened_to_where_the_mesh_says_so(*, on: bool) -> None:
    scope = sidecar_scope(mesh(), labels={"app": "reviews"}, explicit=EXPLICIT)
    config = replace(scope.config, features=Features(tap=on))
    scope = replace(scope, index=replace(scope.index, config=config))
    found = [
        chain.filter
        for listener in resources(scope).listeners
        for chain in listener.chains
        if isinstance(chain.filter, ir.HttpFilter)
    ]
    assert found
    assert all(each.tapped is on for each in found)
    for each in found:
        first = http_filters(each)[0].name
        assert (first == "envoy.filters.http.tap") is on, "what others refuse is seen"
