"""Which clusters the domains of a route table lead to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from meltemi.testkit.conformance.case import Case
from meltemi.testkit.conformance.generated import cases, generated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Json = dict[str, Any]


def sidecar_routes(folder: Path) -> Iterator[Case]:
    """Yield the route tables of sidecars that Istio's own tests look at."""
    for case in cases(folder):
        yield Case(case["slug"], partial(_judge, case, folder.parent))


def _judge(case: Json, data: Path) -> str:
    tables = {each["name"]: each for each in generated(case, data)["routes"]}
    found = _clusters(tables.get(case["routeName"], {}))
    return "; ".join(
        f"{domain}: expected {wanted}, found {found.get(domain)}"
        for domain, wanted in case["expectedVirtualHostClusters"].items()
        if found.get(domain) != wanted
    )


def _clusters(table: Json) -> dict[str, list[str]]:
    """Return the clusters of each domain's routes, in order."""
    return {
        domain: [cluster for route in host["routes"] for cluster in _of(route)]
        for host in table.get("virtualHosts", [])
        for domain in host["domains"]
    }


def _of(route: Json) -> list[str]:
    action = route.get("route", {})
    if "cluster" in action:
        return [action["cluster"]]
    weighted = action.get("weightedClusters", {}).get("clusters", [])
    return sorted(each["name"] for each in weighted)
