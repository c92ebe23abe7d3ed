"""Paths, as Envoy reads and compares them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Manager = hcm.HttpConnectionManager

UNRESERVED = re.compile(r"%(?:2[dDeE]|3\d|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])")
"""Escapes of characters that need none (RFC 3986 §2.3)."""
SLASHES = re.compile(r"%(?:2[fF]|5[cC])")
SEGMENT = r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]"
"""What a part of a path may hold (RFC 3986 pchar), as Envoy's templates see it."""
OPERATORS = re.compile(r"\*\*|\*|\{([a-zA-Z_]\w*)(?:=([^}]*))?\}")
REMEMBERED = 1024


def split(path: str) -> tuple[str, str]:
    """Return a path and its query, without the fragment."""
    bare, _, query = path.partition("#")[0].partition("?")
    return bare, query


def normalized(path: str, manager: Manager) -> str | None:
    """Return ``path`` as the manager makes it, or None where it refuses it.

    Source:
        source/common/http/path_utility.cc; escaped slashes first, then RFC 3986 §6.2,
        then doubled slashes.

    """
    bare, query = split(path)
    action = manager.path_with_escaped_slashes_action
    if SLASHES.search(bare):
        if action == Manager.REJECT_REQUEST:
            return None
        if action in (Manager.UNESCAPE_AND_REDIRECT, Manager.UNESCAPE_AND_FORWARD):
            bare = SLASHES.sub(_unescaped, bare)
    if manager.normalize_path.value:
        bare = _without_dots(UNRESERVED.sub(_unescaped, bare.replace("\\", "/")))
    if manager.merge_slashes:
        bare = re.sub("/{2,}", "/", bare)
    return f"{bare}?{query}" if query else bare


def _unescaped(escape: re.Match[str]) -> str:
    return unquote(escape[0])


def _without_dots(path: str) -> str:
    """Return ``path`` without ``.`` and ``..`` (RFC 3986 §5.2.4)."""
    if not path.startswith("/"):
        return path
    kept: list[str] = []
    parts = path[1:].split("/")
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


@lru_cache(maxsize=REMEMBERED)
def template(pattern: str) -> re.Pattern[str]:
    """Return what a URI template matches: ``*`` one part, ``**`` any number.

    Source: source/extensions/path/uri_template_lib/uri_template_internal.cc.
    """
    return re.compile("".join(_pieces(pattern)))


def _pieces(pattern: str) -> Iterator[str]:
    at = 0
    for operator in OPERATORS.finditer(pattern):
        yield re.escape(pattern[at : operator.start()])
        at = operator.end()
        match operator[0]:
            case "**":
                yield f"(?:{SEGMENT}|/)*"
            case "*":
                yield f"{SEGMENT}+"
            case _:
                yield "".join(_pieces(operator[2] or "*"))
    yield re.escape(pattern[at:])
