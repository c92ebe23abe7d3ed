"""What dashboards and alerts ask Prometheus for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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


FROM_PROMETHEUS = frozenset({"instance", "job"})
"""Labels that whoever scrapes adds."""
SELECTOR = re.compile(rf"({METRIC.pattern})(?:\{{(.*?)\}})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
GROUPED = re.compile(r"\bby \(([^)]*)\)")
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$", re.MULTILINE)
LABELS = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Asked:
    """What a query wants of the samples of one metric.

    Attributes:
        metric: The name of the samples.
        labels: Those it compares or groups by.
        values: Those of them that have to have one value.

    """

    metric: str
    labels: frozenset[str]
    values: Mapping[str, str]

    def met_by(self, sample: Mapping[str, str]) -> bool:
        """Tell whether a sample with these labels is one that the query is about."""
        return self.labels <= sample.keys() and all(
            sample[name] == value for name, value in self.values.items()
        )


def asked(query: str) -> Iterator[Asked]:
    """Yield what ``query`` wants of each metric it names."""
    grouped = {
        name.strip() for found in GROUPED.findall(query) for name in found.split(",")
    }
    for metric, matchers in SELECTOR.findall(GROUPED.sub("", query)):
        found = MATCHER.findall(matchers)
        names = grouped | {name for name, _, _ in found}
        literal = {
            name: value for name, how, value in found if how == "=" and "$" not in value
        }
        yield Asked(metric, frozenset(names - FROM_PROMETHEUS), literal)


def samples(page: str) -> dict[str, list[dict[str, str]]]:
    """Return the labels of every sample of a page, by its name."""
    found: dict[str, list[dict[str, str]]] = {}
    for name, written in SAMPLE.findall(page):
        found.setdefault(name, []).append(dict(LABELS.findall(written)))
    return found


def lacking(pages: Sequence[str]) -> dict[str, list[Asked]]:
    """Return what queries want that no sample of ``pages`` has, by where they stand.

    A metric without a sample lacks nothing where no label of it is wanted.
    """
    told_of: dict[str, list[dict[str, str]]] = {}
    for page in pages:
        for name, found in samples(page).items():
            told_of.setdefault(name, []).extend(found)
    missing: dict[str, list[Asked]] = {}
    for where, query in queries():
        for each in asked(query):
            wanted = each.labels or each.values
            if wanted and not any(map(each.met_by, told_of.get(each.metric, ()))):
                missing.setdefault(where, []).append(each)
    return missing


def told(page: str) -> set[str]:
    """Return the families of a page in Prometheus' text format."""
    return set(FAMILY.findall(page))
