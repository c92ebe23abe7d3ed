"""What dashboards and alerts ask Prometheus for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[5] / "deploy"
METRIC = re.compile(r"\b(?:istio|mesh|meltemi|galley|envoy)_\w+")
LABEL = "envoy_cluster_name"
"""Looks like a metric."""
OF_HISTOGRAMS = ("_bucket", "_sum", "_count")
FAMILY = re.compile(r"^# TYPE (\S+) ", re.MULTILINE)


def alerts() -> list[dict[str, Any]]:
    """Return every rule."""
    text = (DEPLOY / "alerts/meltemi.yaml").read_text("utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def dashboards() -> dict[str, dict[str, Any]]:
    """Return every dashboard, by its file."""
    files = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
    return {each.stem: json.loads(each.read_text("utf-8")) for each in files}


def queries() -> Iterator[tuple[str, str]]:
    """Yield every query, and where it stands."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for name, board in dashboards().items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def families(query: str) -> set[str]:
    """Return the metrics that a query is about, as their pages call the families."""
    found = set()
    for name in set(METRIC.findall(query)) - {LABEL}:
        base = next(
            (name.removesuffix(end) for end in OF_HISTOGRAMS if name.endswith(end)),
            name,
        )
        found.add(base)
    return found


def told(page: str) -> set[str]:
    """Return the families of a page in Prometheus' text format."""
    return set(FAMILY.findall(page))
