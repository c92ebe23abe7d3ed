"""What a proxy is to hold: clusters, listeners, routes and endpoints, compared."""

from __future__ import annotations

import gzip
import json
import sys
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from meltemi.pilot.emit.resources import emitted
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.translate.resources import resources
from meltemi.testkit.conformance.case import Case
from meltemi.testkit.conformance.world import with_targets, world
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Json = dict[str, Any]

KINDS = {
    "clusters": TypeUrl.CLUSTER,
    "listeners": TypeUrl.LISTENER,
    "routes": TypeUrl.ROUTE,
    "endpoints": TypeUrl.ENDPOINT,
}


def cases(folder: Path) -> Iterator[Json]:
    """Yield the cases of a suite whose files hold one each."""
    for path in sorted(folder.glob("*.json")):
        if not path.name.endswith(".golden.json"):
            yield json.loads(path.read_text("utf-8"))


def golden(case: Json, folder: Path) -> Json:
    """Return what Istio made of ``case``."""
    body = (folder / case["golden"]).read_bytes()
    if case["golden"].endswith(".gz"):
        body = gzip.decompress(body)
    found: Json = json.loads(body)
    return found


def comparator(data: Path) -> Any:
    """Return the comparator that comes with the data."""
    tools = str(data / "tools")
    if tools not in sys.path:
        sys.path.append(tools)
    return import_module("compare")


def generated(case: Json, data: Path) -> dict[str, list[Json]]:
    """Return what we make of ``case``, by kind, as proto-JSON."""
    index, group = world(case, data)
    made: dict[str, list[Json]] = {kind: [] for kind in KINDS}
    kinds = {url: kind for kind, url in KINDS.items()}
    seen = with_targets(scope(index, group), case["input"])
    for url, _, message, _ in emitted(resources(seen)).items:
        made[kinds[url]].append(MessageToDict(message))
    return made


def configgen(kind: str, folder: Path) -> Iterator[Case]:
    """Yield a case for each resource of ``kind`` that Istio's generator made.

    One of ours that Istio doesn't make counts as a failed one too.
    """
    compare = comparator(folder.parent)
    for case in cases(folder):
        expected = golden(case, folder)
        report = cache(partial(_report, compare, case, expected, folder.parent))
        names = {_name(each) for each in expected.get(kind) or []}
        for name in sorted(names):
            yield Case(f"{case['slug']}#{name}", partial(_one, report, kind, name))
        yield from _extra(case, report, kind)


def _extra(case: Json, report: Callable[[], Any], kind: str) -> Iterator[Case]:
    try:
        extra = report().kinds[kind].extra
    except Exception:  # noqa: BLE001 - the case's own resources have failed with it
        return
    for name in extra:
        yield Case(f"{case['slug']}#{name}", lambda: "Istio makes no such resource")


def _name(resource: Json) -> str:
    return str(resource.get("name") or resource.get("clusterName") or "")


def _report(compare: Any, case: Json, expected: Json, data: Path) -> Any:
    return compare.compare(expected, generated(case, data))


def _one(report: Callable[[], Any], kind: str, name: str) -> str:
    found = report().kinds[kind]
    if name in found.missing:
        return "we make no such resource"
    paths = found.unequal.get(name)
    return "; ".join(map(str, paths)) if paths else ""
