from __future__ import annotations

import pytest

from meltemi.config.schema.telemetry import SideMatch, WorkloadMode
from meltemi.pilot.translate.telemetry.levels import (
    CLIENT,
    SERVER,
    levels,
    matched,
    provider,
)
from meltemi.testkit.mesh import sidecar_scope


@pytest.mark.parametrize(
    ("match", "sides"),
    [
        (None, (CLIENT, SERVER)),
        (SideMatch(), (CLIENT, SERVER)),
        (SideMatch(mode=WorkloadMode.CLIENT_AND_SERVER), (CLIENT, SERVER)),
        (SideMatch(mode=SERVER), (SERVER,)),
    ],
)
def test_what_names_no_side_is_about_both(
    match: SideMatch | None, sides: tuple[WorkloadMode, ...]
) -> None:
    assert matched(match) == sides


def test_levels_are_those_of_the_scopes_workload() -> None:
    scope = sidecar_scope("""
    apiVersion: telemetry.istio.io/v1
    kind: Telemetry
    metadata: {name: mesh, namespace: istio-system}
    """)
    assert [each.metadata.name for each in levels(scope)] == ["mesh"]


def test_a_provider_is_found_in_whatever_case_and_two_are_built_in() -> None:
    scope = sidecar_scope("""
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {name: default, namespace: istio-system}
    spec: {extensionProviders: [{name: Mine, envoyFileAccessLog: {}}]}
    """)
    for name in ("mine", "Mine", "prometheus", "envoy"):
        assert provider(scope, name) is not None, name
    assert provider(scope, "gone") is None


def test_a_meshs_own_provider_replaces_the_built_in_of_its_name() -> None:
    scope = sidecar_scope("""
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {name: default, namespace: istio-system}
    spec: {extensionProviders: [{name: envoy, envoyFileAccessLog: {path: /mine}}]}
    """)
    found = provider(scope, "envoy")
    assert found is not None
    assert found.envoy_file_access_log is not None
    assert found.envoy_file_access_log.path == "/mine"
