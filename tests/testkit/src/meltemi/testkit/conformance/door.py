"""Whether an object is accepted, and whether with a warning."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import yaml

from meltemi.config.decode import read
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KIND_BY_NAME
from meltemi.testkit.conformance.case import Case, tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.config.finding import Finding


def validation_tables(folder: Path) -> Iterator[Case]:
    """Yield the tables of Istio's validation tests: a specification, a verdict."""
    for _, rows in tables(folder):
        for row in rows:
            yield Case(f"{row['test']}/{row['name']}", partial(_judge_row, row))


def crd_validation(folder: Path) -> Iterator[Case]:
    """Yield the documents of Istio's CRD tests: those with ``_err`` are refused."""
    for path in sorted(folder.glob("testdata_*/*.yaml")):
        documents = yaml.safe_load_all(path.read_text("utf-8"))
        for number, document in enumerate(documents, 1):
            if isinstance(document, dict):
                name = f"{path.parent.name}/{path.name}#{number}"
                yield Case(name, partial(_judge_document, document))


def _judge_row(row: dict[str, object]) -> str:
    kind = KIND_BY_NAME[str(row["specType"]).rpartition(".")[2]]
    given = row.get("meta")
    meta = given if isinstance(given, dict) else {}
    metadata = {"name": "foo", **{k: v for k, v in meta.items() if v is not None}}
    document = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": metadata,
        "spec": row["spec"],
    }
    errors, warnings = _said(document)
    if bool(errors) == bool(row["valid"]):
        return _disagreement(errors, str(row.get("error_contains") or "refusal"))
    if not errors and bool(warnings) != bool(row["warning"]):
        return _disagreement(warnings, str(row.get("warning_contains") or "a warning"))
    return ""


def _judge_document(document: dict[str, object]) -> str:
    wanted = document.get("_err")
    shown = {key: value for key, value in document.items() if key != "_err"}
    errors, _ = _said(shown)
    if bool(errors) == (wanted is not None):
        return ""
    return _disagreement(errors, str(wanted))


def _disagreement(found: list[Finding], wanted: str) -> str:
    if found:
        return f"unexpected: {'; '.join(str(each) for each in found)}"
    return f"expected {wanted}, found nothing to say"


def _said(document: dict[str, object]) -> tuple[list[Finding], list[Finding]]:
    """Return the errors and the warnings about a document."""
    data = json.dumps(document, default=str).encode()
    try:
        decoded = read(data, file="case", default_namespace="default")
    except InvalidConfigError as error:
        return list(error.findings), []
    return [], list(decoded.warnings)
