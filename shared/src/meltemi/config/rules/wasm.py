"""What must hold for a Wasm module, in a WasmPlugin or a TrafficExtension."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from meltemi.config.rules.hosts import check_count
from meltemi.config.rules.labels import check_targets
from meltemi.config.rules.problem import problem
from meltemi.config.schema.wasm import EnvValueSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.traffic_extension import TrafficExtension
    from meltemi.config.schema.wasm import VmConfig, WasmModule
    from meltemi.config.schema.wasm_plugin import WasmPlugin

SCHEMES: Final = ("", "http", "https", "file", "oci")
SHA256: Final = re.compile(r"[a-f0-9]{64}")
LONGEST_SECRET: Final = 253
LONGEST_NAME: Final = 256
LONGEST_VALUE: Final = 2048
MOST_VARIABLES: Final = 256
LONGEST_SCRIPT: Final = 65_536


def check_wasm_plugin(spec: WasmPlugin) -> Iterator[Finding]:
    """Yield what Istio's ValidateWasmPlugin says."""
    yield from check_targets(spec, spec.target_ref)
    yield from _check_module("spec", spec)


def check_traffic_extension(spec: TrafficExtension) -> Iterator[Finding]:
    """Yield what Istio's ValidateTrafficExtension says."""
    yield from check_targets(spec)
    if spec.wasm is None and spec.lua is None:
        yield problem("spec", "one of wasm and lua is required")
    if spec.wasm is not None:
        yield from _check_module("spec.wasm", spec.wasm)
    if spec.lua is not None:
        size = len(spec.lua.inline_code.encode())
        path = "spec.lua.inlineCode"
        if not size:
            yield problem(path, "a script is required")
        if size > LONGEST_SCRIPT:
            message = f"has {size:,} bytes, the limit is {LONGEST_SCRIPT:,}"
            yield problem(path, message)


def _check_module(path: str, module: WasmModule) -> Iterator[Finding]:
    yield from _check_url(f"{path}.url", module.url)
    if module.sha256 and not SHA256.fullmatch(module.sha256):
        message = "must be 64 hexadecimal digits in lower case"
        yield problem(f"{path}.sha256", message)
    lengths = {
        "imagePullSecret": (module.image_pull_secret, LONGEST_SECRET),
        "pluginName": (module.plugin_name, LONGEST_NAME),
    }
    for name, (text, limit) in lengths.items():
        if text is not None and len(text) > limit:
            yield problem(f"{path}.{name}", f"has more than {limit} characters")
    if module.vm_config is not None:
        yield from _check_environment(f"{path}.vmConfig", module.vm_config)


def _check_url(path: str, url: str) -> Iterator[Finding]:
    if not url:
        yield problem(path, "a URL is required")
        return
    try:
        scheme = urlsplit(url if "://" in url else f"//{url}").scheme
    except ValueError as error:
        yield problem(path, f"{url!r} is not a URL: {error}")
        return
    if scheme not in SCHEMES:
        hint = "one of oci, http, https and file"
        yield problem(path, f"{scheme!r} is not a scheme modules come by", hint)


def _check_environment(path: str, machine: VmConfig) -> Iterator[Finding]:
    yield from check_count(f"{path}.env", machine.env, MOST_VARIABLES)
    seen: set[str] = set()
    for index, variable in enumerate(machine.env):
        here = f"{path}.env[{index}]"
        if not 0 < len(variable.name) <= LONGEST_NAME:
            message = f"a name of at most {LONGEST_NAME} characters is required"
            yield problem(f"{here}.name", message)
        if variable.name in seen:
            yield problem(f"{here}.name", f"{variable.name!r} stands twice")
        seen.add(variable.name)
        if variable.value_from is EnvValueSource.HOST and variable.value:
            message = "has no meaning with valueFrom HOST"
            yield problem(f"{here}.value", message, "remove one of them")
        if len(variable.value or "") > LONGEST_VALUE:
            message = f"has more than {LONGEST_VALUE} characters"
            yield problem(f"{here}.value", message)
