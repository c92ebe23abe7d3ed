from __future__ import annotations

import pytest

from meltemi.config.schema.traffic_selector import TrafficMode
from meltemi.pilot import ir
from meltemi.pilot.scope.policies import GATEWAY_LABEL
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.translate.plugin.plugins import Entry, apart, placed, plugins
from meltemi.testkit.mesh import indexed, sidecar_scope

CLIENT, SERVER = TrafficMode.CLIENT, TrafficMode.SERVER


def lua(name: str, more: str = "", namespace: str = "default") -> str:
    return f"""
    ---
    apiVersion: extensions.istio.io/v1alpha1
    kind: TrafficExtension
    metadata: {{name: {name}, namespace: {namespace}}}
    spec: {{lua: {{inlineCode: "--"}}{more}}}
    """


def wasm(name: str, more: str = "", url: str = "file:///m.wasm") -> str:
    return f"""
    ---
    apiVersion: extensions.istio.io/v1alpha1
    kind: WasmPlugin
    metadata: {{name: {name}, namespace: default}}
    spec: {{url: "{url}"{more}}}
    """


def found(text: str, **labels: str) -> tuple[Entry, ...]:
    return plugins(sidecar_scope(text, labels=labels))


def names(entries: tuple[Entry, ...]) -> list[str]:
    return [each.made.name.rpartition(".")[2] for each in entries]


def test_higher_priorities_go_first_then_the_root_then_older_ones() -> None:
    text = (
        wasm("younger")
        + lua("root", namespace="istio-system")
        + lua("youngest")
        + wasm("low", ", priority: -1")
        + lua("high", ", priority: 7")
    )
    assert names(found(text)) == ["high", "root", "younger", "youngest", "low"]


def test_names_are_istios() -> None:
    filters = [each.made.name for each in found(wasm("a") + lua("b"))]
    assert filters == [
        "extensions.istio.io/wasmplugin/default.a",
        "extensions.istio.io/trafficextension/default.b",
    ]


def test_a_selector_or_a_target_chooses_workloads() -> None:
    chosen = ", selector: {matchLabels: {app: reviews}}"
    assert names(found(lua("a", chosen), app="reviews")) == ["a"]
    assert names(found(lua("a", chosen), app="ratings")) == []
    gateway = "group: gateway.networking.k8s.io, kind: Gateway, name: edge"
    for text in (
        lua("a", f", targetRefs: [{{{gateway}}}]"),
        wasm("a", f", targetRef: {{{gateway}}}"),
    ):
        assert names(found(text, **{GATEWAY_LABEL: "edge"})) == ["a"]
        assert names(found(text)) == []


@pytest.mark.parametrize(
    ("phase", "place"),
    [
        ("", "rest"),
        (", phase: AUTHN", "authentication"),
        (", phase: AUTHZ", "authorization"),
        (", phase: STATS", "statistics"),
    ],
)
def test_a_phase_is_a_place(phase: str, place: str) -> None:
    made = placed(found(wasm("a", phase) + lua("b", phase)))
    assert len(getattr(made, place)) == 2
    assert placed(()) == ir.NO_PLUGINS


def test_both_spellings_of_no_phase_are_the_last_place() -> None:
    text = wasm("a", ", phase: UNSPECIFIED_PHASE") + lua("b", ", phase: UNSPECIFIED")
    assert len(placed(found(text)).rest) == 2


@pytest.mark.parametrize(
    ("match", "seen"),
    [
        ("[]", {(CLIENT, 80), (CLIENT, 90), (SERVER, 80), (SERVER, 90)}),
        ("[{mode: SERVER}]", {(SERVER, 80), (SERVER, 90)}),
        ("[{ports: [{number: 80}]}]", {(CLIENT, 80), (SERVER, 80)}),
        (
            "[{mode: CLIENT, ports: [{number: 80}]}, {mode: SERVER}]",
            {(CLIENT, 80), (SERVER, 80), (SERVER, 90)},
        ),
        ("[{mode: UNDEFINED, ports: [{number: 90}]}]", {(CLIENT, 90), (SERVER, 90)}),
    ],
)
def test_a_match_is_of_sides_and_ports(
    match: str, seen: set[tuple[TrafficMode, int]]
) -> None:
    (one,) = found(lua("a", f", match: {match}"))
    sides = [(side, port) for side in (CLIENT, SERVER) for port in (80, 90)]
    assert {(side, port) for side, port in sides if one.sees(side, (port,))} == seen


def test_traffic_of_an_unknown_port_matches_no_port() -> None:
    (one,) = found(lua("a", ", match: [{ports: [{number: 80}]}]"))
    assert not one.sees(SERVER, ())
    assert one.sees(SERVER, (70, 80)), "of several ports one is enough"


def test_a_module_of_an_extension_is_one_as_of_a_plugin() -> None:
    text = """
    apiVersion: extensions.istio.io/v1alpha1
    kind: TrafficExtension
    metadata: {name: a, namespace: default}
    spec: {wasm: {url: "file:///m.wasm", type: NETWORK}}
    """
    (one,) = found(text)
    assert isinstance(one.made, ir.WasmFilter)
    assert one.connections


def test_a_script_without_an_interpreter_refuses() -> None:
    group = proxy(
        "sidecar~10.0.0.1~a.default~x", {}, extensions=["envoy.filters.http.router"]
    ).group
    (one,) = plugins(scope(indexed(lua("a")), group))
    assert isinstance(one.made, ir.Refusal)


def test_what_an_agent_fetches_travels_apart() -> None:
    text = wasm("a", "", "oci://m.example/a") + wasm("b") + lua("c")
    made = tuple(apart(found(text)))
    assert [each.made.plugin for each in made] == ["default.a"]
    assert [each.subject for each in made[0].origins] == ["WasmPlugin/default/a"]
    assert not made[0].connections
