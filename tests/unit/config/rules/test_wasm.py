from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems

SHA = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "spec",
    [
        "url: oci://a.b/c",
        "url: a.b/c:latest",
        "url: file:///opt/a.wasm",
        f"url: https://a.b/c\nsha256: {SHA}",
        "url: a/b\npluginConfig: {a: [1, null, {b: true}]}",
        "url: a/b\nvmConfig: {env: [{name: A, valueFrom: HOST}, {name: B, value: c}]}",
        "url: a/b\nmatch: [{mode: CLIENT, ports: [{number: 80}]}]",
    ],
)
def test_the_usual_plugins_are_right(spec: str) -> None:
    assert problems("WasmPlugin", spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("{}", "spec.url: url is required"),
        ("url: ''", "spec.url: a URL is required"),
        ("url: ftp://a/b", "spec.url: 'ftp' is not a scheme modules come by"),
        (
            "url: a/b\nsha256: AB",
            "spec.sha256: must be 64 hexadecimal digits in lower case",
        ),
        (
            f"url: a/b\npluginName: {'a' * 257}",
            "spec.pluginName: has more than 256 characters",
        ),
        (
            "url: a/b\nmatch: [{ports: [{number: 65536}]}]",
            "spec.match[0].ports[0].number: must be from 1 to 65535, got 65536",
        ),
        (
            "url: a/b\nmatch: [null]",
            "spec.match[0]: expected object, found null",
        ),
        (
            "url: a/b\nvmConfig: {env: [{name: A}, {name: A}]}",
            "spec.vmConfig.env[1].name: 'A' stands twice",
        ),
        (
            "url: a/b\nvmConfig: {env: [{name: A, valueFrom: HOST, value: b}]}",
            "spec.vmConfig.env[0].value: has no meaning with valueFrom HOST",
        ),
        (
            "url: a/b\nvmConfig: {env: [{name: ''}]}",
            "spec.vmConfig.env[0].name: a name of at most 256 characters is required",
        ),
    ],
)
def test_what_istio_refuses_of_a_plugin_is_refused(spec: str, told: str) -> None:
    assert told in problems("WasmPlugin", spec)


@pytest.mark.parametrize(
    "spec",
    ["lua: {inlineCode: 'function envoy_on_request(h) end'}", "wasm: {url: a/b}"],
)
def test_an_extension_is_lua_or_wasm(spec: str) -> None:
    assert problems("TrafficExtension", spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("phase: AUTHN", "spec: one of wasm and lua is required"),
        (
            "wasm: {url: a/b}\nlua: {inlineCode: a}",
            "spec: only one may be set: wasm and lua",
        ),
        ("lua: {inlineCode: ''}", "spec.lua.inlineCode: a script is required"),
        (
            f"lua: {{inlineCode: {'a' * 65_537}}}",
            "spec.lua.inlineCode: has 65,537 bytes, the limit is 65,536",
        ),
        (
            "wasm: {url: ftp://a}",
            "spec.wasm.url: 'ftp' is not a scheme modules come by",
        ),
    ],
)
def test_what_istio_refuses_of_an_extension_is_refused(spec: str, told: str) -> None:
    assert told in problems("TrafficExtension", spec)
