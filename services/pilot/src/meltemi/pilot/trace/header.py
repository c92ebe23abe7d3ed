"""Envoy's conditions on a header.

Source: source/common/http/header_utility.h, HeaderDataBaseImpl::matchesHeaders: an
absent header fails every comparison, an inverted one too, unless it counts as empty.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envoy.type.matcher.v3.string_pb2 import StringMatcher

from meltemi.pilot.trace.text import agrees, described

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import HeaderMatcher

INTEGER = re.compile(r"[+-]?\d+")


def header_agrees(matcher: HeaderMatcher, value: str | None) -> bool:
    """Tell whether a header's value, or its absence, is what ``matcher`` wants."""
    if value is None and matcher.treat_missing_header_as_empty:
        value = ""
    if _asks_for_presence(matcher):
        return ((value is not None) == _wants_presence(matcher)) != matcher.invert_match
    if value is None:
        return False
    if matcher.HasField("range_match"):
        numbers = matcher.range_match
        held = bool(INTEGER.fullmatch(value)) and (
            numbers.start <= int(value) < numbers.end
        )
    else:
        held = agrees(_text(matcher), value)
    return held != matcher.invert_match


def header_words(matcher: HeaderMatcher) -> str:
    """Return the condition in a few words."""
    if _asks_for_presence(matcher):
        words = "is present" if _wants_presence(matcher) else "is absent"
    elif matcher.HasField("range_match"):
        numbers = matcher.range_match
        words = f"is a number from {numbers.start} to {numbers.end - 1}"
    else:
        words = described(_text(matcher))
    return f"{matcher.name} {'not: ' if matcher.invert_match else ''}{words}"


def _asks_for_presence(matcher: HeaderMatcher) -> bool:
    kind = matcher.WhichOneof("header_match_specifier")
    return kind in (None, "present_match")


def _wants_presence(matcher: HeaderMatcher) -> bool:
    return matcher.present_match or not matcher.HasField("present_match")


def _text(matcher: HeaderMatcher) -> StringMatcher:
    """Return the comparison, whichever of the old fields spells it."""
    match matcher.WhichOneof("header_match_specifier"):
        case "safe_regex_match":
            return StringMatcher(safe_regex=matcher.safe_regex_match)
        case "exact_match":
            return StringMatcher(exact=matcher.exact_match)
        case "prefix_match":
            return StringMatcher(prefix=matcher.prefix_match)
        case "suffix_match":
            return StringMatcher(suffix=matcher.suffix_match)
        case "contains_match":
            return StringMatcher(contains=matcher.contains_match)
        case _:
            return matcher.string_match
