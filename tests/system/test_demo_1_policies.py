"""Security policies on live traffic of the demo mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.tokens import key_set, signed
from meltemi.testkit.up import Up, answer, eventually, outbound

if TYPE_CHECKING:
    import httpx2

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

ONLY_PRODUCTPAGE = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: details}
spec:
  selector: {matchLabels: {app: details}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/default/sa/bookinfo-productpage]}}]
    to: [{operation: {methods: [GET], paths: [/details/*]}}]
"""
ISSUER = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: details}}
spec:
  selector: {{matchLabels: {{app: details}}}}
  jwtRules: [{{issuer: https://issuer.example, jwks: '{keys}'}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: details}}
spec:
  selector: {{matchLabels: {{app: details}}}}
  rules:
  - from: [{{source: {{requestPrincipals: ["https://issuer.example/*"]}}}}]
"""


def details(mesh: Up, path: str, token: str = "") -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return answer(outbound(mesh, "productpage-v1", "details") + path, headers=headers)


def test_only_what_a_policy_allows_reaches_a_workload(mesh: Up) -> None:
    mesh.apply(ONLY_PRODUCTPAGE)
    try:
        assert details(mesh, "/details/0").status_code == 200
        refused = details(mesh, "/headers")
        assert refused.status_code == 403
        assert "RBAC: access denied" in refused.text
    finally:
        mesh.do("delete", "authorizationpolicy/details")
        mesh.do("wait", "authorizationpolicy/details", "--for=delete")
    # Envoy acknowledges a listener a moment before all of its workers serve it.
    eventually(
        lambda: details(mesh, "/headers").status_code == 200,
        seconds=5,
        what="without the policy everything reaches the workload",
    )


def test_tokens_are_verified_and_asked_for(mesh: Up) -> None:
    mesh.apply(ISSUER.format(keys=key_set()))
    try:
        # Envoy acknowledges a listener a moment before all of its workers serve it.
        eventually(
            lambda: details(mesh, "/details/0").status_code == 403,
            seconds=5,
            what="a token is asked for",
        )
        wrong = signed({"iss": "https://issuer.example", "sub": "me"}, forged=True)
        assert details(mesh, "/details/0", wrong).status_code == 401
        right = signed({"iss": "https://issuer.example", "sub": "me"})
        assert details(mesh, "/details/0", right).status_code == 200
    finally:
        for kind in ("authorizationpolicy", "requestauthentication"):
            mesh.do("delete", f"{kind}/details")
        mesh.do("wait", "requestauthentication/details", "--for=delete")
