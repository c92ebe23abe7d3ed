"""What the door says about specifications, for tests of the rules."""

from __future__ import annotations

from textwrap import dedent, indent

from meltemi.config.decode import read
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KIND_BY_NAME


def problems(kind: str, spec: str, *, name: str = "a") -> list[str]:
    """Return the errors in ``spec`` (YAML), as ``PATH: MESSAGE``."""
    return said(kind, spec, name=name)[0]


def warnings(kind: str, spec: str, *, name: str = "a") -> list[str]:
    """Return the warnings about ``spec`` (YAML), as ``PATH: MESSAGE``."""
    return said(kind, spec, name=name)[1]


def said(kind: str, spec: str, *, name: str = "a") -> tuple[list[str], list[str]]:
    """Return the errors in ``spec``, and the warnings when there are none."""
    head = f"apiVersion: {KIND_BY_NAME[kind].api_version}\nkind: {kind}\n"
    body = indent(dedent(spec), "  ")
    text = f"{head}metadata: {{name: {name}}}\nspec:\n{body}"
    try:
        decoded = read(text.encode(), file="test.yaml", default_namespace="default")
    except InvalidConfigError as error:
        return [f"{each.path}: {each.message}" for each in error.findings], []
    return [], [f"{each.path}: {each.message}" for each in decoded.warnings]
