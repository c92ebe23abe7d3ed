"""Envoy's conditions on a header.

Source: source/common/http/header_utility.h, HeaderDataBaseImpl::matchesHeaders: an
absent header fails every comparison, an inverted one too, unless it counts as empty. Of
several values one must agree (Envoy 1.40, asked), or none when it is inverted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envoy.type.matcher.v3.string_pb2 import StringMatcher

from meltemi.pilot.trace.text import agrees, described

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import HeaderMatcher

INTEGER = re.compile(r"[+-]?\d+")


def header_agrees(matcher: HeaderMatcher, values: tuple[str, ...]) -> bool:
    """Tell whether a header's values, or their absence, are what ``matcher`` wants."""
    if not values and matcher.treat_missing_header_as_empty:
        values = ("",)
    if _asks_for_presence(matcher):
        return (bool(values) == _wants_presence(matcher)) != matcher.invert_match
    if not values:
        return False
    return any(_compared(matcher, each) for each in values) != matcher.invert_match


def _compared(matcher: HeaderMatcher, value: str) -> bool:
    if not matcher.HasField("range_match"):
        return agrees(_text(matcher), value)
    numbers = matcher.range_match
    return bool(INTEGER.fullmatch(value)) and (
        numbers.start <= int(value) < numbers.end
    )


def found_words(values: tuple[str, ...]) -> str:
    """Return what was found, in a few words."""
    return "it is " + (" and ".join(map(repr, values)) if values else "absent")


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
