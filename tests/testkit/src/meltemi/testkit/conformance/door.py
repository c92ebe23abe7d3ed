"""Whether an object is accepted, and whether with a warning."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Final

from meltemi.config.decode import read
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KIND_BY_NAME
from meltemi.config.rules.in_vain import OURS
from meltemi.testkit.conformance.case import Case, tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.config.finding import Finding

BETWEEN: Final = re.compile(r"^---.*$", re.MULTILINE)
CONTENT: Final = re.compile(r"^[A-Za-z]", re.MULTILINE)
REASON: Final = re.compile(r"^_err:.*\n(?:[ \t]+.*\n)*", re.MULTILINE)
"""Why a document is to be refused, also over several lines."""


def validation_tables(folder: Path) -> Iterator[Case]:
    """Yield the tables of Istio's validation tests: a specification, a verdict."""
    for _, rows in tables(folder):
        for row in rows:
            yield Case(f"{row['test']}/{row['name']}", partial(_judge_row, row))


def crd_validation(folder: Path) -> Iterator[Case]:
    """Yield the documents of Istio's CRD tests: those with ``_err`` are refused."""
    for path in sorted(folder.glob("testdata_*/*.yaml")):
        documents = BETWEEN.split(path.read_text("utf-8"))
        for number, text in enumerate(filter(CONTENT.search, documents), 1):
            name = f"{path.parent.name}/{path.name}#{number}"
            yield Case(name, partial(_judge_document, text))


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
    errors, warnings = _said(json.dumps(document))
    if bool(errors) == bool(row["valid"]):
        return _disagreement(errors, str(row.get("error_contains") or "refusal"))
    if not errors and bool(warnings) != bool(row["warning"]):
        return _disagreement(warnings, str(row.get("warning_contains") or "a warning"))
    return ""


def _judge_document(text: str) -> str:
    """Judge the text as a user would write it, without the line that says why."""
    wanted = REASON.search(text)
    errors, _ = _said(REASON.sub("", text))
    if bool(errors) == (wanted is not None):
        return ""
    return _disagreement(errors, wanted[0].strip() if wanted else "")


def _disagreement(found: list[Finding], wanted: str) -> str:
    if found:
        return f"unexpected: {'; '.join(str(each) for each in found)}"
    return f"expected {wanted}, found nothing to say"


def _said(text: str) -> tuple[list[Finding], list[Finding]]:
    """Return the errors and the warnings about a document."""
    try:
        decoded = read(text.encode(), file="case", default_namespace="default")
    except InvalidConfigError as error:
        return list(error.findings), []
    # Of fields without effect Istio says nothing.
    return [], [each for each in decoded.warnings if each.code not in OURS]
