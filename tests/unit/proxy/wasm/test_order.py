from __future__ import annotations

from dataclasses import replace

import pytest
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network_rbac
from envoy.service.discovery.v3.discovery_pb2 import Resource
from google.protobuf.any_pb2 import Any as Packed

from meltemi.pilot import emit, ir
from meltemi.proxy.wasm.order import (
    STAND_IN,
    ModuleOrder,
    Policy,
    file_of,
    order_of,
    stand_in,
    with_file,
)

URL = "oci://r.example/a:v1"
MODULE = ir.WasmFilter(
    "name", "default.p", ir.FetchedModule(URL), variables=(("A", "b"),)
)


def sent(made: ir.WasmFilter = MODULE, *, connections: bool = False) -> Resource:
    """Return what Pilot sends."""
    told = emit.extension(ir.Extension(made, connections, ()))
    body = Packed()
    body.Pack(told)
    return Resource(name=made.name, version="1", resource=body)


def ordering(module: ir.FetchedModule) -> ModuleOrder | None:
    return order_of(sent(replace(MODULE, module=module)))


def config(resource: Resource) -> TypedExtensionConfig:
    made = TypedExtensionConfig()
    assert resource.resource.Unpack(made)
    return made


def test_what_pilot_writes_is_what_the_agent_reads() -> None:
    assert ordering(ir.FetchedModule(URL)) == ModuleOrder("name", URL)
    told = ir.FetchedModule("https://m.example/x", "a" * 64, "Always", "s", "7")
    assert ordering(told) == ModuleOrder(
        "name", "https://m.example/x", "a" * 64, Policy.ALWAYS, "s"
    )
    opens = replace(MODULE, failure=ir.Failure.OPEN)
    assert order_of(sent(opens)) == ModuleOrder("name", URL, opens=True)
    assert order_of(sent(connections=True)) == ModuleOrder("name", URL)


def test_what_needs_nothing_is_no_order() -> None:
    assert order_of(sent(replace(MODULE, module=ir.FileModule("/x")))) is None
    assert order_of(Resource(name="a")) is None
    broken = Resource(resource=Packed(type_url=sent().resource.type_url, value=b"\xff"))
    assert order_of(broken) is None
    assert file_of(b"\xff") == ""


def test_envoy_gets_a_file_and_none_of_the_agents_words() -> None:
    told = ir.FetchedModule(URL, "", "Always", "registry", "7")
    made = with_file(sent(replace(MODULE, module=told)), "/kept/x.wasm")
    wasm = Wasm()
    assert config(made).typed_config.Unpack(wasm)
    machine = wasm.config.vm_config
    assert machine.code.local.filename == "/kept/x.wasm"
    assert dict(machine.environment_variables.key_values) == {"A": "b"}
    assert made.version == "1"
    assert file_of(made.SerializeToString()) == "/kept/x.wasm"


@pytest.mark.parametrize("opens", [True, False])
def test_t20_what_stands_in_refuses_or_lets_pass(*, opens: bool) -> None:
    requests, connections = RBAC(), network_rbac.RBAC()
    made = stand_in(sent(), opens=opens)
    assert config(made).typed_config.Unpack(requests)
    assert requests.HasField("rules") is not opens
    assert (made.name, made.version) == ("name", STAND_IN)
    assert config(made).name == "name"
    other = stand_in(sent(connections=True), opens=opens)
    assert config(other).typed_config.Unpack(connections)
    assert connections.HasField("rules") is not opens


@pytest.mark.parametrize(
    ("url", "sha256", "policy", "again"),
    [
        ("oci://r.example/a:v1", "", "", False),
        ("oci://r.example/a:v1", "", "Always", True),
        ("oci://r.example/a:latest", "", "", True),
        ("r.example/a", "", "", True),
        ("r.example/a", "", "IfNotPresent", False),
        ("r.example/a", "a" * 64, "Always", False),
        (f"r.example/a@sha256:{'a' * 64}", "", "Always", False),
        ("https://m.example/x", "", "", False),
        ("https://m.example/x", "", "Always", True),
    ],
)
def test_when_a_module_is_asked_for_again(
    url: str, sha256: str, policy: str, *, again: bool
) -> None:
    assert ModuleOrder("n", url, sha256, Policy(policy)).asks_again is again


def test_a_pinned_module_is_found_wherever_it_came_from_but_not_without_its_secret() -> (
    None
):
    pinned = ModuleOrder("n", "https://m.example/x", "a" * 64)
    assert pinned.key == ModuleOrder("o", f"r.example/a@sha256:{'a' * 64}").key
    assert pinned.key != replace(pinned, secret="s").key  # noqa: S106 - a name
    assert (
        ModuleOrder("n", "oci://r.example/a").key == ModuleOrder("n", "r.example/a").key
    )
