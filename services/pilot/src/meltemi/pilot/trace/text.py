"""Envoy's comparisons of text.

Source: envoy/type/matcher/v3/string.proto; source/common/common/matchers.h.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from envoy.type.matcher.v3.string_pb2 import StringMatcher

REMEMBERED = 4096
"""Patterns that are kept compiled."""


def agrees(matcher: StringMatcher, text: str) -> bool:
    """Tell whether ``text`` is what ``matcher`` wants."""
    kind = matcher.WhichOneof("match_pattern")
    if kind == "safe_regex":
        return matches(matcher.safe_regex.regex, text)
    folded = str.lower if matcher.ignore_case else str
    value = folded(text)
    match kind:
        case "exact":
            return value == folded(matcher.exact)
        case "prefix":
            return value.startswith(folded(matcher.prefix))
        case "suffix":
            return value.endswith(folded(matcher.suffix))
        case "contains":
            return folded(matcher.contains) in value
        case _:
            return False


def matches(pattern: str, text: str) -> bool:
    """Tell whether the whole of ``text`` is of an RE2 pattern."""
    return _compiled(pattern).fullmatch(text) is not None


def described(matcher: StringMatcher) -> str:
    """Return the comparison in a few words."""
    match matcher.WhichOneof("match_pattern"):
        case "exact":
            words = f"is {matcher.exact!r}"
        case "prefix":
            words = f"begins with {matcher.prefix!r}"
        case "suffix":
            words = f"ends with {matcher.suffix!r}"
        case "contains":
            words = f"contains {matcher.contains!r}"
        case "safe_regex":
            words = f"is of the pattern {matcher.safe_regex.regex!r}"
        case _:
            words = "is compared by an extension"
    return words + (", in any case" if matcher.ignore_case else "")


@lru_cache(maxsize=REMEMBERED)
def _compiled(pattern: str) -> re2.Pattern:
    return re2.compile(pattern)
