"""Everything there is to say about a set of texts, and where each problem stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.analysis.analyze import analyze
from meltemi.config.analysis.manifests import world
from meltemi.config.analysis.remark import Level, Subject
from meltemi.config.decode import objects_in, resource_at
from meltemi.config.finding import Finding, Severity, Source
from meltemi.config.node import MapNode, Node, Scalar, plain_value
from meltemi.config.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.config.analysis.remark import Remark

SEVERITIES: Final = {
    Level.ERROR: Severity.ERROR,
    Level.WARNING: Severity.WARNING,
    Level.INFO: Severity.INFO,
}
OURS: Final = "istio.io"
"""How the API groups end whose objects the door has to accept."""


def findings(
    texts: Iterable[tuple[str, bytes]], *, default_namespace: str
) -> tuple[Finding, ...]:
    """Return what the door and the analyzers say about ``texts``, in their order.

    Args:
        texts: What the user calls each, and its YAML or JSON. Kubernetes' objects may
            stand among Istio's: they are looked at, and not judged. Of two objects
            of one name the later counts, as when both are applied.
        default_namespace: Where objects belong that do not say.

    """
    reports: list[Report] = []
    documents: dict[Subject, object] = {}
    places: dict[Subject, tuple[Report, int, Node]] = {}
    for file, data in texts:
        report = Report(file)
        reports.append(report)
        for node in objects_in(data, report):
            if _text(node, "apiVersion").partition("/")[0].endswith(OURS):
                resource_at(node, default_namespace, report)
            about = _subject(node, default_namespace)
            documents[about] = plain_value(node)
            places[about] = (report, report.document, node)
    shown = world(documents.values(), default_namespace=default_namespace)
    for remark in analyze(shown):
        report, report.document, node = places[remark.subject]
        report.add_within(node, _finding(remark))
    return tuple(
        finding
        for report in reports
        for finding in sorted((*report.findings, *report.warnings), key=_place)
    )


def _subject(node: Node, default_namespace: str) -> Subject:
    metadata = node.values.get("metadata") if isinstance(node, MapNode) else None
    kind, namespace = _text(node, "kind"), _text(metadata, "namespace")
    ours = _text(node, "apiVersion").partition("/")[0].endswith(OURS)
    home = namespace or (default_namespace if ours else "")
    return Subject(kind, home, _text(metadata, "name"))


def _text(node: Node | None, name: str) -> str:
    value = node.values.get(name) if isinstance(node, MapNode) else None
    return value.text if isinstance(value, Scalar) else ""


def _finding(remark: Remark) -> Finding:
    message = remark.message
    return Finding(
        code=message.code,
        message=f"{remark.subject}: {remark.text}",
        path=remark.path,
        source=Source("", 0, 0, 0),
        severity=SEVERITIES[message.level],
    )


def _place(finding: Finding) -> tuple[int, int, str]:
    return finding.source.line, finding.source.column, finding.code
