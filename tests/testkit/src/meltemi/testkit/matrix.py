"""Workloads with policies, and a request to them with what must become of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OUTSIDE = "10.77.0.5"
"""The address of one who is not in the mesh, and of one who has a sidecar elsewhere."""
ALLOWED, CLOSED, FORBIDDEN, UNAUTHORIZED = "allowed", "closed", "403", "401"
NONE = "none"
"""The policy that refuses where an ALLOW has no rule that matches."""
LOCAL, PARTNER, STRANGER = (
    f"spiffe://{each}/ns/default/sa/alpha"
    for each in ("cluster.local", "old.example", "foreign.example")
)


@dataclass(frozen=True)
class Workload:
    """A machine with an Envoy; what it serves is ``http``, ``tcp`` or ``any``:PORT."""

    address: str
    services: tuple[str, ...] = ()
    namespace: str = "default"
    labels: tuple[tuple[str, str], ...] = ()


WORKLOADS = {
    "alpha": Workload("10.77.0.2"),
    "beta": Workload("10.77.0.3"),
    "gamma": Workload("10.77.0.4", namespace="away"),
    "plain": Workload(
        "10.77.0.11", ("tcp:9000", "tcp:9001", "http:8000", "http:8001", "http:8002")
    ),
    "strict": Workload("10.77.0.12", ("tcp:9000", "http:8000"), "locked"),
    "ajar": Workload("10.77.0.13", ("http:8000", "http:8001", "http:8002"), "locked"),
    "hard": Workload("10.77.0.14", ("http:8000",)),
    "names": Workload("10.77.0.15", ("http:8000",)),
    "asks": Workload("10.77.0.16", ("http:8000", "http:8001")),
    "tokens": Workload("10.77.0.17", ("http:8000",)),
    "bytes": Workload(
        "10.77.0.18", ("tcp:9000", "tcp:9001", "tcp:9002", "tcp:9003", "any:9100")
    ),
    "checked": Workload(
        "10.77.0.19",
        ("tcp:9000", "http:8000"),
        labels=(("gateway.networking.k8s.io/gateway-name", "front"),),
    ),
    "friendly": Workload("10.77.0.21", ("tcp:9000", "tcp:9001", "http:8000")),
    "shut": Workload("10.77.0.20", ("http:8000",)),
}
"""Each has a service account of its name, and a service if it serves anything."""
BARE = {"bare": Workload("10.77.0.30", ("http:8000", "http:8001"))}
"""Those of another mesh, all of which is STRICT."""


def address(name: str) -> str:
    """Return where the service of a workload is called."""
    last = (WORKLOADS | BARE)[name].address.rpartition(".")[2]
    return f"10.88.0.{last}"


def host(name: str) -> str:
    """Return the host of the service of a workload."""
    return f"{name}.{(WORKLOADS | BARE)[name].namespace}.svc.cluster.local"


def objects(workloads: Mapping[str, Workload]) -> Iterator[dict[str, object]]:
    """Yield the WorkloadEntries and ServiceEntries that make the workloads known."""
    for name, each in workloads.items():
        metadata = {"name": name, "namespace": each.namespace}
        yield {
            "apiVersion": "networking.istio.io/v1",
            "kind": "WorkloadEntry",
            "metadata": metadata,
            "spec": {
                "address": each.address,
                "labels": {"app": name, **dict(each.labels)},
                "serviceAccount": name,
            },
        }
        if each.services:
            yield {
                "apiVersion": "networking.istio.io/v1",
                "kind": "ServiceEntry",
                "metadata": metadata,
                "spec": {
                    "hosts": [host(name)],
                    "addresses": [address(name)],
                    "location": "MESH_INTERNAL",
                    "resolution": "STATIC",
                    "ports": [_port(service) for service in each.services],
                    "workloadSelector": {"labels": {"app": name}},
                },
            }


def _port(service: str) -> dict[str, object]:
    kind, _, number = service.partition(":")
    known = {"name": f"{kind}-{number}", "protocol": kind.upper()}
    return {"number": int(number), **({"name": "any"} if kind == "any" else known)}


@dataclass(frozen=True)
class Row:
    """One request, and what must become of it.

    Attributes:
        what: What it shows.
        caller: A workload, a SPIFFE id whose certificate is shown, or an address.
        to: The workload that is asked.
        port: Of it.
        expected: ``ALLOWED``, ``CLOSED``, or the status.
        by: The rule that refuses, as ``NAMESPACE/POLICY[RULE]``, or ``NONE``; empty
            where none decides. Of what is allowed: the rule that would refuse it, in
            a dry run or if the service that is asked says so.
        path: Asked for.
        method: And how.
        host: Whom it is for, if not for the service.
        headers: ``NAME: VALUE``.
        token: Brought as a bearer's.
        tcp: It is bytes, and no request.
        sure: Whether nobody else is asked.
        noted: Whether an AUDIT asks for it to be logged.
        seen: Headers that reach the application with this in them, or do not (None).

    """

    what: str
    caller: str
    to: str
    port: int = 8000
    expected: str = ALLOWED
    by: str = ""
    path: str = "/"
    method: str = "GET"
    host: str = ""
    headers: tuple[str, ...] = ()
    token: str = ""
    tcp: bool = False
    sure: bool = True
    noted: bool = False
    seen: tuple[tuple[str, str | None], ...] = ()


def refused(row: Row, by: str = NONE, expected: str = FORBIDDEN) -> Row:
    """Return ``row`` refused ``by`` a rule."""
    return replace(row, by=by, expected=expected)
