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


def paths(kind: msgspec.inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    match kind:
        case msgspec.inspect.UnionType(types=types):
            for each in types:
                if not isinstance(each, msgspec.inspect.NoneType):
                    yield from paths(each, path)
        case msgspec.inspect.VarTupleType(item_type=item):
            yield f"{path}[]", ""
            if isinstance(item, msgspec.inspect.StructType):
                yield from fields(item, f"{path}[]")
        case msgspec.inspect.DictType(value_type=value):
            yield f"{path}{{}}", ""
            if isinstance(value, msgspec.inspect.StructType):
                yield from fields(value, f"{path}{{}}")
        case msgspec.inspect.StructType():
            yield path, ""
            yield from fields(kind, path)
        case msgspec.inspect.EnumType(cls=words):
            assert isinstance(words, EnumMeta)
            yield path, "/".join(words.__members__)
        case _:
            yield path, ""


def fields(struct: msgspec.inspect.StructType, path: str) -> Iterator[tuple[str, str]]:
    for field in struct.fields:
        yield from paths(field.type, f"{path}.{field.encode_name}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_schema_has_exactly_the_fields_and_words_of_istios_api(kind: Kind) -> None:
    assert SHARED is not None
    with Path(SHARED, "conformance", "field_paths.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    wanted = {row["path"]: row["enum"] for row in rows if row["kind"] == kind.name}
    wanted.pop("spec.http[].mirror_percent", None)  # the door reads it as mirrorPercent
    spec = msgspec.inspect.type_info(kind.spec)
    assert isinstance(spec, msgspec.inspect.StructType)
    found = dict(fields(spec, "spec"))
    assert found.keys() == wanted.keys()
    for path, words in wanted.items():
        assert set(found[path].split("/")) == set(words.split("/")), path
