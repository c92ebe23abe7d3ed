from __future__ import annotations

import msgspec
import pytest

from meltemi.config.schema.wasm import WasmModule
from meltemi.config.values import decode_value
from meltemi.pilot import ir
from meltemi.pilot.scope.node import NodeSettings
from meltemi.pilot.translate.plugin.module import Name, wasm

SHA = "a" * 64
NAME, PLUGIN = "extensions.istio.io/wasmplugin/default.p", "default.p"


def module(url: str = "file:///m.wasm", **more: object) -> WasmModule:
    return msgspec.convert({"url": url} | more, WasmModule, dec_hook=decode_value)


def made(given: WasmModule, *lacks: str, fetches: bool = True) -> ir.Plugin | None:
    node = NodeSettings(lacks=frozenset(lacks), fetches_modules=fetches)
    return wasm(given, Name(NAME, PLUGIN, "7"), node)


def ordered(given: WasmModule) -> ir.FileModule | ir.FetchedModule:
    found = made(given)
    assert isinstance(found, ir.WasmFilter)
    return found.module


@pytest.mark.parametrize(
    "url", ["https://m.example/x.wasm", "oci://m.example/x:v1", "m.example/x"]
)
def test_an_agent_is_told_where_a_module_is(url: str) -> None:
    assert ordered(module(url)) == ir.FetchedModule(url, version="7")


def test_an_agent_is_told_when_and_as_whom_to_fetch() -> None:
    found = ordered(
        module("m.example/x", imagePullPolicy="Always", imagePullSecret="s")
    )
    assert found == ir.FetchedModule("m.example/x", "", "Always", "s", "7")
    unsaid = ordered(module("m.example/x", imagePullPolicy="UNSPECIFIED_POLICY"))
    assert unsaid == ir.FetchedModule("m.example/x", version="7")


def test_a_module_of_known_hash_is_the_same_whatever_its_object_is_changed_to() -> None:
    assert ordered(module("m.example/x", sha256=SHA)) == ir.FetchedModule(
        "m.example/x", SHA
    )


def test_case_59_without_an_agent_nothing_is_fetched() -> None:
    url = "https://m.example/x.wasm"
    assert made(module(url, sha256=SHA), fetches=False) == ir.Refusal(NAME)
    opens = module(url, sha256=SHA, failStrategy="FAIL_OPEN")
    assert made(opens, fetches=False) is None
    assert isinstance(made(module(), fetches=False), ir.WasmFilter), "a file is there"


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
