"""Case 54: who must show a certificate changes under load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.up import Load, Up, outbound

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

ONE = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: details}}
spec: {{selector: {{matchLabels: {{app: details}}}}, mtls: {{mode: {mode}}}}}
"""
FLIPS = ("PERMISSIVE", "STRICT") * 3


def flipped(mesh: Up, modes: Iterable[str]) -> None:
    for mode in modes:
        assert "7/7" in mesh.apply(ONE.format(mode=mode))


def test_case_54_a_mode_that_changes_under_load_costs_no_request(mesh: Up) -> None:
    url = outbound(mesh, "productpage-v1", "details") + "/details/0"
    try:
        with Load(url) as load:
            flipped(mesh, FLIPS)
    finally:
        mesh.do("delete", "peerauthentication/details")
        mesh.do("wait", "peerauthentication/details", "--for=delete")
    assert set(load.seen) == {"200"}, json.dumps(load.seen)
    assert sum(load.seen.values()) > 100
