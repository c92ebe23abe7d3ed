from __future__ import annotations

import msgspec
import pytest

from meltemi.config.schema.wasm import WasmModule
from meltemi.config.values import decode_value
from meltemi.pilot import ir
from meltemi.pilot.translate.plugin.module import Host, module_host, wasm

SHA = "a" * 64
NAME, PLUGIN = "extensions.istio.io/wasmplugin/default.p", "default.p"


def module(url: str = "file:///m.wasm", **more: object) -> WasmModule:
    return msgspec.convert({"url": url} | more, WasmModule, dec_hook=decode_value)


def made(given: WasmModule, *lacks: str) -> ir.Plugin | None:
    return wasm(given, NAME, PLUGIN, frozenset(lacks))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://m.example/x.wasm", Host("m.example", 443, tls=True)),
        ("http://m.example/x.wasm", Host("m.example", 80, tls=False)),
        ("https://m.example:8443/x.wasm", Host("m.example", 8443, tls=True)),
        ("oci://m.example/x", None),
        ("m.example/x", None),
        ("file:///x.wasm", None),
        ("https://m.example:port/x", None),
    ],
)
def test_modules_are_fetched_over_http_alone(url: str, host: Host | None) -> None:
    assert module_host(module(url, sha256=SHA)) == host


def test_case_59_a_module_is_fetched_if_its_hash_is_known() -> None:
    assert module_host(module("https://m.example/x.wasm")) is None
    found = made(module("https://m.example/x.wasm", sha256=SHA))
    assert isinstance(found, ir.WasmFilter)
    cluster = "meltemi.modules|443||m.example"
    assert found.module == ir.FetchedModule("https://m.example/x.wasm", SHA, cluster)


def test_what_a_module_is_started_with() -> None:
    env = [
        {"name": "A", "value": "b"},
        {"name": "HOST", "valueFrom": "HOST"},
        {"name": "EMPTY", "valueFrom": "INLINE"},
    ]
    found = made(
        module(pluginName="root", pluginConfig={"a": [1, 2.5]}, vmConfig={"env": env})
    )
    assert found == ir.WasmFilter(
        name=NAME,
        plugin=PLUGIN,
        module=ir.FileModule("/m.wasm"),
        root="root",
        settings='{"a":[1,2.5]}',
        variables=(("A", "b"), ("EMPTY", "")),
        inherited=("HOST",),
    )


@pytest.mark.parametrize(
    ("strategy", "failure"),
    [
        ("FAIL_CLOSE", ir.Failure.CLOSED),
        ("FAIL_OPEN", ir.Failure.OPEN),
        ("FAIL_RELOAD", ir.Failure.RELOAD),
    ],
)
def test_case_59_a_module_fails_as_it_says(strategy: str, failure: ir.Failure) -> None:
    found = made(module(failStrategy=strategy))
    assert isinstance(found, ir.WasmFilter)
    assert found.failure is failure


@pytest.mark.parametrize(
    ("kind", "lacks"),
    [
        ("HTTP", "envoy.filters.http.wasm"),
        ("NETWORK", "envoy.filters.network.wasm"),
        ("HTTP", "envoy.wasm.runtime.v8"),
    ],
)
def test_what_envoy_cannot_run_refuses_or_is_left_out(kind: str, lacks: str) -> None:
    assert made(module(type=kind), lacks) == ir.Refusal(NAME)
    assert made(module(type=kind, failStrategy="FAIL_OPEN"), lacks) is None


def test_one_chains_filter_is_no_loss_to_the_others() -> None:
    found = made(module(type="HTTP"), "envoy.filters.network.wasm")
    assert isinstance(found, ir.WasmFilter)
