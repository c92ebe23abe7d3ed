from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from meltemi.config.kinds import KINDS
from meltemi.config.schema.mesh_config import MeshConfig
from meltemi.ctl.galley.explain import _documents, _message, _told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.schema.message import Message

OF_USERS = [kind.spec for kind in KINDS if kind.spec is not MeshConfig]


def undescribed(
    message: type[Message], seen: frozenset[type[Message]] = frozenset()
) -> Iterator[str]:
    documents = _documents(message)
    for field in msgspec.structs.fields(message):
        if not _told(field, documents):
            yield f"{message.__name__}.{field.encode_name}"
        inside = _message(field.type)
        if inside is not None and inside not in seen:
            yield from undescribed(inside, seen | {message})


@pytest.mark.parametrize("spec", OF_USERS)
def test_every_field_of_every_kind_but_the_meshs_own_is_described(
    spec: type[Message],
) -> None:
    assert sorted(set(undescribed(spec))) == []
