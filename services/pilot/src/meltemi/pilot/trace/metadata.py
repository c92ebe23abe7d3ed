"""Envoy's comparisons of what filters found out.

Source: envoy/type/matcher/v3/metadata.proto and value.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meltemi.pilot.trace.text import agrees, described

if TYPE_CHECKING:
    from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
    from envoy.type.matcher.v3.number_pb2 import DoubleMatcher
    from envoy.type.matcher.v3.value_pb2 import ValueMatcher

    Found = Mapping[str, Mapping[str, object]]


def metadata_agrees(matcher: MetadataMatcher, found: Found) -> bool:
    """Tell whether what a filter left behind is what ``matcher`` wants."""
    value: object = found.get(matcher.filter)
    for part in matcher.path:
        value = value.get(part.key) if isinstance(value, Mapping) else None
    return _agrees(matcher.value, value) != matcher.invert


def metadata_words(matcher: MetadataMatcher) -> str:
    """Return the comparison in a few words."""
    path = ".".join(part.key for part in matcher.path)
    return f"{path} of {matcher.filter} {_words(matcher.value)}"


def _agrees(matcher: ValueMatcher, value: object) -> bool:
    match matcher.WhichOneof("match_pattern"):
        case "string_match":
            return isinstance(value, str) and agrees(matcher.string_match, value)
        case "list_match":
            one = matcher.list_match.one_of
            return isinstance(value, list) and any(_agrees(one, each) for each in value)
        case "or_match":
            return any(_agrees(each, value) for each in matcher.or_match.value_matchers)
        case _:
            return _is(matcher, value)


def _is(matcher: ValueMatcher, value: object) -> bool:
    match matcher.WhichOneof("match_pattern"):
        case "present_match":
            return (value is not None) == matcher.present_match
        case "bool_match":
            return value is matcher.bool_match
        case "double_match":
            return _number(matcher.double_match, value)
        case _:
            return value is None


def _number(matcher: DoubleMatcher, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if matcher.HasField("range"):
        return matcher.range.start <= value < matcher.range.end
    return value == matcher.exact


def _words(matcher: ValueMatcher) -> str:
    match matcher.WhichOneof("match_pattern"):
        case "string_match":
            return described(matcher.string_match)
        case "list_match":
            return f"holds what {_words(matcher.list_match.one_of)}"
        case "or_match":
            parts = dict.fromkeys(map(_words, matcher.or_match.value_matchers))
            return " or ".join(parts)
        case kind:
            return f"fits {kind}"
