"""Configuration that several system tests apply."""

from __future__ import annotations

NETWORKING = "networking.istio.io/v1"
SUBSETS = f"""
apiVersion: {NETWORKING}
kind: DestinationRule
metadata: {{name: reviews}}
spec:
  host: reviews
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - {{name: v2, labels: {{version: v2}}}}
"""
NINETY_TEN = f"""{SUBSETS}
---
apiVersion: {NETWORKING}
kind: VirtualService
metadata: {{name: reviews}}
spec:
  hosts: [reviews]
  http:
  - route:
    - {{destination: {{host: reviews, subset: v1}}, weight: 90}}
    - {{destination: {{host: reviews, subset: v2}}, weight: 10}}
"""


def delay(name: str, milliseconds: int) -> str:
    """Return a VirtualService that changes every sidecar's routes, and no answer."""
    return f"""
apiVersion: {NETWORKING}
kind: VirtualService
metadata: {{name: {name}}}
spec:
  hosts: [{name}]
  http:
  - timeout: {10_000 + milliseconds}ms
    route: [{{destination: {{host: {name}}}}}]
"""
