"""What must hold of whatever comes to the door: objects or findings, nothing else."""

from __future__ import annotations

from meltemi.config.canonical import content, from_stored, stored
from meltemi.config.decode import read
from meltemi.config.finding import InvalidConfigError
from meltemi.galley.presentation import as_json


def read_any(data: bytes) -> bool:
    """Read ``data``; tell whether it was taken, after a look at what was made of it."""
    try:
        found = read(data, file="f", default_namespace="default")
    except InvalidConfigError as error:
        return not str(error)  # all findings are spelled out
    for each in found.resources:
        again = from_stored(stored(each))
        if again.spec != each.spec or content(again) != content(each):
            raise AssertionError(f"{each.key} is not what was stored of it")
        as_json(each)
    return True
