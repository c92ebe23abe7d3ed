from __future__ import annotations

import csv
import os
from enum import EnumMeta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from meltemi.config.kinds import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = os.environ.get("MELTEMI_SHARED")  # noqa: TID251 - tests have no __main__
pytestmark = pytest.mark.skipif(
    SHARED is None, reason="MELTEMI_SHARED does not name the conformance data"
)
ISTIOS = tuple(kind for kind in KINDS if kind.group != "mesh.istio.io")
"""The kinds with a CustomResourceDefinition."""


def paths(kind: msgspec.inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    match kind:
        case msgspec.inspect.UnionType(types=(given, msgspec.inspect.NoneType())):
            yield from paths(given, path)
        case msgspec.inspect.VarTupleType(item_type=item):
            yield from below(item, f"{path}[]")
        case msgspec.inspect.DictType(value_type=msgspec.inspect.CustomType()):
            yield path, ""  # free form: a google.protobuf.Struct
        case msgspec.inspect.DictType(value_type=value):
            yield from below(value, f"{path}{{}}")
        case msgspec.inspect.EnumType(cls=words):
            assert isinstance(words, EnumMeta)
            yield path, "/".join(str(word.value) for word in words)
        case _:
            yield from below(kind, path)


def below(kind: msgspec.inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    yield path, ""
    if isinstance(kind, msgspec.inspect.StructType):
        yield from fields(kind, path)


def fields(struct: msgspec.inspect.StructType, path: str) -> Iterator[tuple[str, str]]:
    for field in struct.fields:
        yield from paths(field.type, f"{path}.{field.encode_name}")


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
    spec = msgspec.inspect.type_info(kind.spec)
    assert isinstance(spec, msgspec.inspect.StructType)
    found = dict(fields(spec, "spec"))
    assert found.keys() == wanted.keys()
    for path, words in wanted.items():
        assert set(found[path].split("/")) == set(words.split("/")), path
