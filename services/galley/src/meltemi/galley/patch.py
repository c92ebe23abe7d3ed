"""JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902) on plain values. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from meltemi.galley.refusals import PatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

MERGE: Final = "application/merge-patch+json"
STEPS: Final = "application/json-patch+json"
DEEPEST: Final = 64
MOST_OPERATIONS: Final = 1000
MOST_COPIED: Final = 1024 * 1024


class Operation(msgspec.Struct, frozen=True, rename={"source": "from"}):
    """One operation of a JSON patch (RFC 6902 §4)."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str
    source: str | msgspec.UnsetType = msgspec.UNSET
    value: object = msgspec.UNSET


_OPERATIONS: Final = msgspec.json.Decoder(tuple[Operation, ...])


def merged(target: object, patch: object, depth: int = 0) -> object:
    """Return ``target`` as the merge patch ``patch`` wants it (RFC 7396 §2).

    Raises:
        PatchError: If the patch is nested too deep.

    """
    if depth > DEEPEST:
        raise PatchError(f"the patch is nested over {DEEPEST} levels deep")
    if not isinstance(patch, dict):
        return patch
    made: dict[object, object] = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value, depth + 1)
    return made


def parse_operations(data: bytes) -> Sequence[Operation]:
    """Return the operations that ``data`` spells.

    Raises:
        PatchError: Naming the operation that is malformed.

    """
    try:
        operations = _OPERATIONS.decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise PatchError(f"not a JSON patch (RFC 6902): {error}") from error
    if len(operations) > MOST_OPERATIONS:
        raise PatchError(
            f"{len(operations)} operations, at most {MOST_OPERATIONS}: replace the "
            "object with PUT"
        )
    return operations


def patched(target: object, operations: Sequence[Operation]) -> object:
    """Return ``target`` after all ``operations``; ``target`` itself stays as it is.

    Raises:
        PatchError: Naming the first operation that cannot be done, and why.

    """
    document: object = msgspec.json.decode(msgspec.json.encode(target))
    room = MOST_COPIED
    for number, operation in enumerate(operations):
        try:
            room = _room(room, document, operation)
            document = _apply(document, operation)
        except _CannotError as error:
            raise PatchError(
                f"operation {number} ({operation.op} {operation.path!r}): {error}"
            ) from error
    return document


class _CannotError(ValueError):
    """Why one operation cannot be done."""


def _apply(document: object, operation: Operation) -> object:
    path = _steps(operation.path)
    match operation.op:
        case "remove":
            return _removed(document, path)[0]
        case "move" | "copy":
            if operation.source is msgspec.UNSET:
                raise _CannotError("needs a from")
            origin = _steps(operation.source)
            if operation.op == "copy":
                found = _copied(_at(document, origin))
                return _added(document, path, found)
            if path[: len(origin)] == origin and path != origin:
                raise _CannotError("cannot move a value into itself")
            document, found = _removed(document, origin)
            return _added(document, path, found)
    if operation.value is msgspec.UNSET:
        raise _CannotError("needs a value")
    value = _copied(operation.value)
    if operation.op == "add":
        return _added(document, path, value)
    found = _at(document, path)
    if operation.op == "replace":
        return _added(_removed(document, path)[0], path, value) if path else value
    if not _equal(found, value):
        raise _CannotError(f"found {_spelled(found)}, expected {_spelled(value)}")
    return document


def _room(room: int, document: object, operation: Operation) -> int:
    """Return what is left for copies: copies of copies would grow without end."""
    if operation.op != "copy" or not isinstance(operation.source, str):
        return room
    left = room - len(msgspec.json.encode(_at(document, _steps(operation.source))))
    if left < 0:
        raise _CannotError(f"over {MOST_COPIED:,} bytes are copied")
    return left


def _steps(pointer: str) -> list[str]:
    """Return the reference tokens of a JSON pointer (RFC 6901 §4)."""
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise _CannotError(f"{pointer!r} is no JSON pointer: it begins with /")
    return [
        step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")
    ]


def _at(document: object, path: Sequence[str]) -> object:
    for depth, step in enumerate(path):
        where = "/" + "/".join(path[: depth + 1])
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list):
            document = document[_index(step, len(document) - 1, where)]
        else:
            raise _CannotError(f"there is nothing at {where}")
    return document


def _added(document: object, path: Sequence[str], value: object) -> object:
    if not path:
        return value
    parent, last = _at(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        size = len(parent)
        place = size if last == "-" else _index(last, size, "/" + "/".join(path))
        parent.insert(place, value)
    else:
        raise _CannotError(f"/{'/'.join(path[:-1])} is neither an object nor a list")
    return document


def _removed(document: object, path: Sequence[str]) -> tuple[object, object]:
    """Return the document without what is at ``path``, and what was there."""
    found = _at(document, path)
    if not path:
        return None, found
    parent = _at(document, path[:-1])
    if isinstance(parent, list):
        del parent[int(path[-1])]
    elif isinstance(parent, dict):
        del parent[path[-1]]
    return document, found


def _index(step: str, last: int, where: str) -> int:
    plain = step.isascii() and step.isdigit() and (step == "0" or step[0] != "0")
    if not plain or len(step) > 9 or int(step) > last:  # noqa: PLR2004 - nine digits are many
        raise _CannotError(f"there is no item {step!r} at {where}")
    return int(step)


def _copied(value: object) -> object:
    copy: object = msgspec.json.decode(msgspec.json.encode(value))
    return copy


def _equal(one: object, other: object) -> bool:
    """Compare as JSON does: true is not 1 (RFC 6902 §4.6)."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(
        other, order="sorted"
    )


def _spelled(value: object) -> str:
    return msgspec.json.encode(value).decode()[:80]
