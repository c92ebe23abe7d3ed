from __future__ import annotations

from meltemi.pilot import ir
from meltemi.pilot.translate.resources import resources
from meltemi.testkit.mesh import entry, sidecar_scope

SERVICES = entry("web.example.com", "80 HTTP", "90 TCP")
SHA = "a" * 64


def plugin(more: str, url: str = "https://m.example/x.wasm") -> str:
    return f"""
    ---
    apiVersion: extensions.istio.io/v1alpha1
    kind: WasmPlugin
    metadata: {{name: p, namespace: default}}
    spec: {{url: "{url}", sha256: {SHA}{more}}}
    """


def made(more: str, url: str = "https://m.example/x.wasm") -> ir.Resources:
    return resources(sidecar_scope(SERVICES + plugin(more, url)))


def chains(held: ir.Resources, direction: ir.Direction) -> list[ir.FilterChain]:
    return [
        chain
        for listener in held.listeners
        if listener.direction is direction
        for chain in (
            *listener.chains,
            *([listener.default] if listener.default else []),
        )
    ]


def of_requests(chain: ir.FilterChain) -> int:
    return (
        len(chain.filter.plugins.rest) if isinstance(chain.filter, ir.HttpFilter) else 0
    )


def test_a_plugin_of_requests_stands_where_http_is_served() -> None:
    held = made("")
    for direction in ir.Direction:
        for chain in chains(held, direction):
            http = isinstance(chain.filter, ir.HttpFilter)
            assert of_requests(chain) == int(http)
            assert chain.plugins == ir.NO_PLUGINS


def test_a_plugin_of_connections_stands_on_every_chain_but_where_they_end() -> None:
    held = made(", type: NETWORK")
    for chain in chains(held, ir.Direction.INBOUND):
        loops = chain.name.endswith("-blackhole")
        assert len(chain.plugins.rest) == int(not loops)
        assert not of_requests(chain)


def test_a_side_is_a_direction() -> None:
    held = made(", match: [{mode: CLIENT}]")
    assert any(map(of_requests, chains(held, ir.Direction.OUTBOUND)))
    assert not any(map(of_requests, chains(held, ir.Direction.INBOUND)))


def test_a_port_is_a_services() -> None:
    held = made(", match: [{ports: [{number: 80}]}]")
    with_it = [
        each for each in chains(held, ir.Direction.OUTBOUND) if of_requests(each)
    ]
    assert {each.ports for each in with_it} == {(80,)}


def test_a_listener_leads_back_to_its_plugins() -> None:
    held = made(", match: [{mode: CLIENT, ports: [{number: 80}]}]")
    by_plugin = [
        each.port
        for each in held.listeners
        if any(origin.subject == "WasmPlugin/default/p" for origin in each.origins)
    ]
    assert by_plugin == [80]


def test_a_fetched_module_is_told_of_apart_and_once() -> None:
    (told,) = made("").extensions
    assert isinstance(told.made.module, ir.FetchedModule)
    assert made("", "file:///x.wasm").extensions == ()
