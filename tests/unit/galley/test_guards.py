from __future__ import annotations

import pytest

from meltemi.config.schema.envoy_filter import EnvoyFilter
from meltemi.galley.guards import reserved_patches
from meltemi.galley.permission import Administrator, Bearer, Scope, check_permission
from meltemi.galley.refusals import ForbiddenError
from meltemi.testkit.mesh import resources

EDITOR = Bearer("ops", (Scope(("*",), ("EnvoyFilter",), ("*",)),), "istio-system")
PATCH = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: f, namespace: a}}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter: {{name: {name}}}
    patch: {{operation: {operation}, value: {value}}}
"""
OWN = "{name: own, typed_config: {'@type': type.googleapis.com/a.B}}"
MODULE = (
    "{name: x, typed_config: {'@type': type.googleapis.com/"
    "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter}}"
)
RBAC = "envoy.filters.http.rbac"
ROUTER = "envoy.filters.http.router"


def made(name: str, operation: str, value: str = OWN) -> str:
    return PATCH.format(name=name, operation=operation, value=value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (made(RBAC, "REMOVE", "{}"), "which enforces policies"),
        (made(RBAC, "REPLACE"), "which enforces policies"),
        (made("envoy.filters.http.jwt_authn", "MERGE"), "which enforces policies"),
        (made(ROUTER, "INSERT_BEFORE", MODULE), "native code"),
    ],
    ids=["removed", "replaced", "merged", "native"],
)
def test_case_58_and_t2_what_disarms_proxies_is_for_administrators(
    text: str, why: str
) -> None:
    (one,) = resources(text)
    with pytest.raises(ForbiddenError, match=why):
        check_permission(EDITOR, "create", one.key, one, None)
    check_permission(Administrator(), "create", one.key, one, None)


@pytest.mark.parametrize(
    "text",
    [made(RBAC, "INSERT_BEFORE"), made(ROUTER, "MERGE"), made(ROUTER, "REPLACE")],
)
def test_what_stands_beside_a_guard_is_for_who_may_write_filters(text: str) -> None:
    (one,) = resources(text)
    assert isinstance(one.spec, EnvoyFilter)
    assert not list(reserved_patches(one.spec))
    check_permission(EDITOR, "create", one.key, one, None)


@pytest.mark.parametrize(
    "kind", ["EnvoyFilter", "WasmPlugin", "TrafficExtension", "ProxyConfig"]
)
def test_t2_a_scope_must_name_the_kinds_that_undo_others(kind: str) -> None:
    everything = Scope(("*",), ("*",), ("a",))
    assert not everything.allows("create", kind, "a", "istio-system")
    assert everything.allows("get", kind, "a", "istio-system")
    named = Scope(("*",), (kind,), ("a",))
    assert named.allows("create", kind, "a", "istio-system")
    assert not named.allows("create", kind, "istio-system", "istio-system")
