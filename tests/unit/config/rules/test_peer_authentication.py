from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems


@pytest.mark.parametrize(
    "spec",
    [
        "mtls: {mode: STRICT}",
        "selector: {matchLabels: {app: a}}\nportLevelMtls: {8080: {mode: DISABLE}}",
        "selector: {matchLabels: {app: a}}\nmtls: {mode: UNSET}",
    ],
)
def test_mesh_and_workload_policies_are_right(spec: str) -> None:
    assert problems("PeerAuthentication", spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            "portLevelMtls: {80: {mode: STRICT}}",
            "spec.portLevelMtls: needs a selector",
        ),
        (
            "selector: {matchLabels: {a: b}}\nportLevelMtls: {0: {mode: STRICT}}",
            "spec.portLevelMtls[\"0\"]: '0' is not a port from 1 to 65535",
        ),
        (
            "selector: {matchLabels: {a: b}}\nportLevelMtls: {http: {mode: STRICT}}",
            "spec.portLevelMtls[\"http\"]: 'http' is not a port from 1 to 65535",
        ),
        (
            "selector: {matchLabels: {'a*': b}}",
            (
                'spec.selector.matchLabels["a*"]: a wildcard is not supported in a '
                "selector"
            ),
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("PeerAuthentication", spec)
