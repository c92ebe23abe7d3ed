"""What it costs to read and check configuration."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from measure import Figure, best

from meltemi.config.canonical import content
from meltemi.config.decode import decode
from meltemi.config.finding import InvalidConfigError
from meltemi.testkit.hostile import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

OBJECTS = 1000
YAML_MILLISECONDS, JSON_MILLISECONDS, REFUSAL = 0.5, 0.1, 50
KINDS = (
    """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews-{n}, namespace: shop, labels: {{team: a}}}}
spec:
  hosts: [reviews-{n}]
  http:
  - match:
    - uri: {{prefix: /api/v1}}
      headers: {{end-user: {{exact: jason}}}}
    route:
    - destination: {{host: reviews-{n}, subset: v2}}
    timeout: 2s
    retries: {{attempts: 3, perTryTimeout: 500ms}}
  - route:
    - destination: {{host: reviews-{n}, subset: v1}}
      weight: 90
    - destination: {{host: reviews-{n}, subset: v2}}
      weight: 10
""",
    """apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews-{n}, namespace: shop}}
spec:
  host: reviews-{n}
  trafficPolicy:
    connectionPool: {{tcp: {{maxConnections: 100}}, http: {{maxRetries: 3}}}}
    outlierDetection: {{consecutive5xxErrors: 5, interval: 10s}}
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - {{name: v2, labels: {{version: v2}}}}
""",
    """apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: reviews-{n}, namespace: shop}}
spec:
  hosts: [reviews-{n}.shop.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 9080, name: http, protocol: HTTP}}]
  workloadSelector: {{labels: {{app: reviews-{n}}}}}
""",
    """apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: reviews-{n}, namespace: shop}}
spec:
  address: 10.0.0.1
  ports: {{http: 9080}}
  labels: {{app: reviews-{n}, version: v1}}
  serviceAccount: reviews
""",
)


def figures() -> Iterator[Figure]:
    """Yield what one of 1,000 mixed objects costs, and the worst hostile text."""
    texts = [KINDS[n % len(KINDS)].format(n=n).encode() for n in range(OBJECTS)]
    documents = [content(_one(text)) for text in texts]
    for name, sample, target in (
        ("validate one object from YAML", texts, YAML_MILLISECONDS),
        ("validate one object from JSON", documents, JSON_MILLISECONDS),
    ):
        took = best(partial(_all, sample), runs=5)
        yield Figure(name, took / OBJECTS * 1000, "ms", target)
    bodies = [make().body for make in HOSTILE.values()]
    worst = max(best(partial(_refused, body), runs=5) for body in bodies)
    yield Figure("refuse the worst of hostile texts", worst * 1000, "ms", REFUSAL)


def _refused(text: bytes) -> None:
    with contextlib.suppress(InvalidConfigError):
        _one(text)
        raise AssertionError("a hostile text is taken")


def _all(sample: list[bytes]) -> None:
    for each in sample:
        _one(each)


def _one(text: bytes) -> Resource[Message]:
    (resource,) = decode(text, file="bench", default_namespace="shop")
    return resource
