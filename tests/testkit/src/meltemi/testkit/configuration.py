"""What the door says about specifications, for tests of the rules."""

from __future__ import annotations

from textwrap import dedent, indent

from meltemi.config.decode import decode
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KIND_BY_NAME


def problems(kind: str, spec: str) -> list[str]:
    """Return what is wrong with ``spec`` (YAML), as ``PATH: MESSAGE``."""
    head = f"apiVersion: {KIND_BY_NAME[kind].api_version}\nkind: {kind}\n"
    text = f"{head}metadata: {{name: a}}\nspec:\n{indent(dedent(spec), '  ')}"
    try:
        decode(text.encode(), file="test.yaml", default_namespace="default")
    except InvalidConfigError as error:
        return [f"{each.path}: {each.message}" for each in error.findings]
    return []
