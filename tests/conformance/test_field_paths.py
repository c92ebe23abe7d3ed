from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from meltemi.config.kinds import KINDS, Kind
from meltemi.testkit.field_paths import field_paths

SHARED = os.environ.get("MELTEMI_SHARED")  # noqa: TID251 - tests have no __main__
pytestmark = pytest.mark.skipif(
    SHARED is None, reason="MELTEMI_SHARED does not name the conformance data"
)
ISTIOS = tuple(kind for kind in KINDS if kind.group != "mesh.istio.io")
"""The kinds with a CustomResourceDefinition."""


def rows() -> list[dict[str, str]]:
    assert SHARED is not None
    with Path(SHARED, "conformance", "field_paths.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_row_is_about_a_kind_of_this_mesh() -> None:
    assert len(rows()) == 1006
    assert {row["kind"] for row in rows()} == {kind.name for kind in ISTIOS}


@pytest.mark.parametrize("kind", ISTIOS, ids=lambda kind: kind.name)
def test_the_schema_has_exactly_the_fields_and_words_of_istios_api(kind: Kind) -> None:
    wanted = {row["path"]: row["enum"] for row in rows() if row["kind"] == kind.name}
    for second_name in ("spec.http[].mirror_percent", "spec.jwtRules[].jwks_uri"):
        wanted.pop(second_name, None)  # the door reads them as their first names
    found = field_paths(kind)
    assert found.keys() == wanted.keys()
    for path, words in wanted.items():
        assert set(found[path].split("/")) == set(words.split("/")), path
