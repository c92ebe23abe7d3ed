"""Who answers for a cluster, seen from a proxy of one network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from meltemi.pilot.emit.endpoint import assignment as emitted
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.translate.cluster.service import asked_endpoints
from meltemi.testkit.conformance.case import Case, SkippedError
from meltemi.testkit.conformance.generated import cases, comparator, golden
from meltemi.testkit.conformance.world import world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Json = dict[str, Any]

TUNNEL = "networking.istio.io/tunnel"


def endpoints(folder: Path) -> Iterator[Case]:
    """Yield load assignments that Istio's endpoint builder made of endpoint shards."""
    for case in cases(folder):
        yield Case(case["slug"], partial(_judge, case, folder))


def _judge(case: Json, folder: Path) -> str:
    given = case["input"]
    if _tunnelled(given):
        raise SkippedError("feature PreferHBONESend")
    index, group = world(case, folder.parent)
    found = asked_endpoints(scope(index, group), given["clusterName"])
    compare = comparator(folder.parent)
    expected = golden(case, folder)
    actual = {"clusterLoadAssignment": MessageToDict(emitted(found))}
    report = compare.compare(expected, actual, kinds=["endpoints"])
    kind = report.kinds["endpoints"]
    return "" if report.ok else str(kind.unequal or kind)[:900]


def _tunnelled(given: Json) -> bool:
    """Tell whether the case is about tunnels: an endpoint of its own network has one."""
    network = given["proxy"]["metadata"].get("NETWORK", "")
    return given["clusterName"].startswith("outbound|") and any(
        (each.get("labels") or {}).get(TUNNEL) == "http"
        and each.get("network", "") == network
        for shard in given["shards"]
        for each in shard["endpoints"]
    )
