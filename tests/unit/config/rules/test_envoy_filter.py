from __future__ import annotations

import pytest

from meltemi.config.rules.envoy_filter import EXPOSED
from meltemi.testkit.configuration import problems, warnings

KIND = "EnvoyFilter"
MERGE = "patch: {operation: MERGE, value: {a: {b: [1, null]}}}"
MANAGER = "envoy.filters.network.http_connection_manager"


def patch(text: str) -> str:
    return f"configPatches:\n- {text}"


def chain(apply_to: str, text: str) -> str:
    match = f"match: {{listener: {{filterChain: {{filter: {{{text}}}}}}}}}"
    return patch(f"applyTo: {apply_to}\n  {match}\n  {MERGE}")


@pytest.mark.parametrize(
    "spec",
    [
        patch(f"applyTo: CLUSTER\n  match: {{cluster: {{name: a}}}}\n  {MERGE}"),
        patch("applyTo: HTTP_FILTER\n  patch: {operation: REMOVE}"),
        chain("HTTP_FILTER", f"name: {MANAGER}, subFilter: {{name: router}}"),
    ],
)
def test_the_usual_patches_are_right_but_exposed(spec: str) -> None:
    assert problems(KIND, spec) == []
    assert warnings(KIND, spec) == [f"spec: {EXPOSED}"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            patch(f"applyTo: BOOTSTRAP\n  {MERGE}"),
            "applyTo: BOOTSTRAP is not among what Pilot sends",
        ),
        (
            patch(
                "applyTo: HTTP_FILTER\n"
                "  match: {context: WAYPOINT, waypoint: {}}\n"
                f"  {MERGE}"
            ),
            "match.waypoint: no effect: there are no waypoints",
        ),
    ],
)
def test_a_patch_of_what_is_not_there_is_right_and_in_vain(
    spec: str, told: str
) -> None:
    assert problems(KIND, spec) == []
    vain = f"spec.configPatches[0].{told}"
    assert warnings(KIND, spec) == [f"spec: {EXPOSED}", vain]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (patch(MERGE), "spec.configPatches[0].applyTo: applyTo is required"),
        (
            patch("applyTo: CLUSTER"),
            "spec.configPatches[0].patch.operation: an operation is required",
        ),
        (
            patch("applyTo: CLUSTER\n  patch: {operation: ADD}"),
            "spec.configPatches[0].patch.value: operation ADD needs a value",
        ),
        (
            patch(f"applyTo: CLUSTER\n  match: {{listener: {{}}}}\n  {MERGE}"),
            (
                "spec.configPatches[0].match.listener: applyTo CLUSTER is matched by cluster, "
                "not by listener"
            ),
        ),
        (
            patch(f"applyTo: CLUSTER\n  match: {{context: WAYPOINT}}\n  {MERGE}"),
            (
                "spec.configPatches[0].match.waypoint: waypoint goes with context WAYPOINT, "
                "and the other way round"
            ),
        ),
        (
            patch(
                "applyTo: CLUSTER\n  match: {proxy: {proxyVersion: '('}}\n"
                f"  {MERGE}"
            ),
            (
                "spec.configPatches[0].match.proxy.proxyVersion: RE2 refuses '(': missing ): "
                "("
            ),
        ),
        (
            chain("NETWORK_FILTER", "subFilter: {name: a}"),
            (
                "spec.configPatches[0].match.listener.filterChain.filter.name: a name is "
                "required"
            ),
        ),
        (
            chain("NETWORK_FILTER", f"name: {MANAGER}, subFilter: {{name: a}}"),
            (
                "spec.configPatches[0].match.listener.filterChain.filter.subFilter: is for "
                "applyTo HTTP_FILTER only"
            ),
        ),
        (
            chain("HTTP_FILTER", "name: a, subFilter: {name: a}"),
            (
                "spec.configPatches[0].match.listener.filterChain.filter.name: subFilter "
                f"needs the filter {MANAGER}"
            ),
        ),
        (
            (
                "workloadSelector: {labels: {a: b}}\n"
                "targetRefs: [{kind: Service, name: a}]"
            ),
            "spec: only one may be set: workloadSelector and targetRefs",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems(KIND, spec)


def test_a_filter_that_is_matched_in_vain_is_warned_of() -> None:
    told = warnings(KIND, chain("LISTENER", "name: a"))
    assert told[1].endswith("filter: has no effect with applyTo LISTENER")
