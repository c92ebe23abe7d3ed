from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.config.finding import InvalidConfigError
from meltemi.config.rules.effect import NO_EFFECT
from meltemi.config.schema.envoy_filter import (
    ApplyTo,
    ConfigPatch,
    EnvoyFilter,
    Operation,
    Patch,
)
from meltemi.galley.door import read
from meltemi.galley.envoy_values import TYPES, check_values

TEXT = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: filter}
spec:
  configPatches:
  - applyTo: APPLY
    patch:
      operation: MERGE
      value:
        VALUE
"""
WORDS = st.sampled_from(
    [
        "@type",
        "typed_config",
        "connect_timeout",
        "metadata",
        "filter_metadata",
        "load_assignment",
        "endpoints",
        "name",
        "route",
        "typed_per_filter_config",
        "max_requests_per_connection",
        "domains",
        "filters",
        "é",
    ]
)
ANY = "type.googleapis.com/envoy.extensions.filters.http"


def warnings_of(apply_to: str, value: str) -> list[str]:
    text = TEXT.replace("APPLY", apply_to).replace("VALUE", value)
    found = read(text.encode(), file="a.yaml", default_namespace="default").warnings
    return [
        f"{each.source.line} {each.path} {each.message}"
        for each in found[1:]
        if each.code != NO_EFFECT
    ]


def errors_of(apply_to: str, value: str) -> list[str]:
    with pytest.raises(InvalidConfigError) as refused:
        warnings_of(apply_to, value)
    return [str(each) for each in refused.value.findings]


@pytest.mark.parametrize(
    ("apply_to", "value"),
    [
        ("CLUSTER", "{connect_timeout: 5s, lbPolicy: MAGLEV}"),
        (
            "CLUSTER",
            "{max_requests_per_connection: 1, metadata: {filter_metadata: {a: {b: 1}}}}",
        ),
        ("LISTENER", "{per_connection_buffer_limit_bytes: 32768}"),
        ("HTTP_ROUTE", "{route: {timeout: 0.5s, retry_policy: {num_retries: 3}}}"),
        (
            "HTTP_FILTER",
            f'{{name: lua, typed_config: {{"@type": {ANY}.lua.v3.Lua, default_source_code: {{inline_string: x}}}}}}',
        ),
        (
            "HTTP_FILTER",
            "{name: w, typed_config: {'@type': type.googleapis.com/udpa.type.v1.TypedStruct, type_url: type.googleapis.com/a.b.C, value: {a: 1}}}",
        ),
        ("BOOTSTRAP", "{stats_flush_interval: 10s}"),
        ("VIRTUAL_HOST", "{rate_limits: [{actions: [{remote_address: {}}]}]}"),
    ],
)
def test_what_envoy_reads_is_taken(apply_to: str, value: str) -> None:
    assert warnings_of(apply_to, value) == []


@pytest.mark.parametrize(
    ("apply_to", "value", "told"),
    [
        (
            "CLUSTER",
            "{connect_timeout: 5}",
            "10:27: IST0106 Duration JSON value not a string: 5 (spec.configPatches[0].patch.value.connect_timeout)",
        ),
        (
            "CLUSTER",
            "{lb_policy: BEST}",
            "Invalid enum value BEST for enum type envoy.config.cluster.v3.Cluster.LbPolicy (spec.configPatches[0].patch.value.lb_policy)",
        ),
        ("CLUSTER", "{health_checks: {timeout: 1s}}", "expected a list, found"),
        (
            "CLUSTER",
            "{load_assignment: {endpoints: [{lb_endpoints: [7]}]}}",
            "expected a LbEndpoint, found '7' (spec.configPatches[0].patch.value.load_assignment.endpoints[0].lb_endpoints[0])",
        ),
        ("HTTP_FILTER", "{name: lua, typed_config: {a: b}}", "@type is required"),
        (
            "HTTP_FILTER",
            f'{{name: lua, typed_config: {{"@type": {ANY}.lua.v3.Lua, stat_prefix: [1]}}}}',
            "typed_config.stat_prefix)",
        ),
        (
            "VIRTUAL_HOST",
            "{domains: example.com}",
            "expected a list, found 'example.com'",
        ),
        (
            "CLUSTER",
            "{max_requests_per_connection: -1}",
            "max_requests_per_connection)",
        ),
    ],
)
def test_what_envoy_cannot_read_is_refused_where_it_stands(
    apply_to: str, value: str, told: str
) -> None:
    (line,) = errors_of(apply_to, value)
    assert line.startswith("a.yaml:10:")
    assert told in line


def test_what_a_newer_envoy_may_know_is_warned_of() -> None:
    (unknown,) = warnings_of("CLUSTER", "{conect_timeout: 5s}")
    assert unknown == (
        "10 spec.configPatches[0].patch.value.conect_timeout "
        "envoy.config.cluster.v3.Cluster has no field 'conect_timeout'"
    )
    value = f'{{name: x, typed_config: {{"@type": {ANY}.brandnew.v3.New}}}}'
    (strange,) = warnings_of("HTTP_FILTER", value)
    assert "is no type that this version knows" in strange


@pytest.mark.parametrize(
    "name", ["os.path.X", "envoy..X", "..X", "X", "envoy.x/../y.Z"]
)
def test_a_type_names_no_other_module(name: str) -> None:
    value = f'{{name: x, typed_config: {{"@type": "a/{name}"}}}}'
    (line,) = warnings_of("HTTP_FILTER", value)
    assert "no type that this version knows" in line


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)  # the first example imports Envoy's messages
@given(st.sampled_from(sorted(TYPES)), st.dictionaries(WORDS, JSON, max_size=5))
def test_no_value_whatever_it_is_brings_the_check_down(
    apply_to: ApplyTo, value: dict[str, object]
) -> None:
    change = Patch(operation=Operation.MERGE, value=value)
    spec = EnvoyFilter(config_patches=(ConfigPatch(apply_to=apply_to, patch=change),))
    for finding in check_values(spec):
        assert finding.path.startswith("spec.configPatches[0].patch.value")
        assert finding.message


def test_envoys_messages_are_not_imported_before_they_are_needed() -> None:
    code = "import sys, meltemi.galley.door; print('google.protobuf' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
