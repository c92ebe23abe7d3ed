"""Conditions on a request, as Envoy's matchers."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from envoy.config.route.v3.route_components_pb2 import (
    HeaderMatcher,
    QueryParameterMatcher,
    RouteMatch,
)
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from meltemi.pilot import ir

if TYPE_CHECKING:
    from collections.abc import Iterable


def route_match(match: ir.Match) -> RouteMatch:
    """Return all conditions of ``match``: Envoy, too, wants all of them to hold."""
    result = RouteMatch(
        headers=headers(match.headers),
        query_parameters=[_query(each) for each in match.query],
    )
    if match.path is None:
        result.prefix = "/"
        return result
    path = match.path.string
    result.case_sensitive.CopyFrom(BoolValue(value=not path.ignore_case))
    match path.test:
        case ir.Test.EXACT:
            result.path = path.value
        case ir.Test.PREFIX if match.path.segments and path.value != "/":
            result.path_separated_prefix = path.value.rstrip("/")
        case ir.Test.PREFIX | ir.Test.PRESENT:
            result.prefix = path.value
        case ir.Test.REGEX:
            result.safe_regex.CopyFrom(regex(path.value))
        case never:
            assert_never(never)
    return result


def headers(tests: Iterable[ir.NamedTest]) -> list[HeaderMatcher]:
    """Return one matcher a header; an absent header passes an inverted comparison."""
    result = []
    for test in tests:
        matcher = HeaderMatcher(name=test.name, invert_match=test.invert)
        if test.string.test is ir.Test.PRESENT:
            matcher.present_match = True
        else:
            matcher.string_match.CopyFrom(string(test.string))
            matcher.treat_missing_header_as_empty = test.invert
        result.append(matcher)
    return result


def string(test: ir.StringTest) -> StringMatcher:
    """Return the comparison ``test`` of a value that is there."""
    match test.test:
        case ir.Test.EXACT:
            return StringMatcher(exact=test.value, ignore_case=test.ignore_case)
        case ir.Test.PREFIX:
            return StringMatcher(prefix=test.value, ignore_case=test.ignore_case)
        case ir.Test.REGEX:
            return StringMatcher(safe_regex=regex(test.value))
        case ir.Test.PRESENT:
            return StringMatcher(safe_regex=regex(".*"))
        case never:
            assert_never(never)


def regex(pattern: str) -> RegexMatcher:
    """Return an RE2 pattern, which matches the whole value."""
    return RegexMatcher(regex=pattern)


def _query(test: ir.NamedTest) -> QueryParameterMatcher:
    if test.string.test is ir.Test.PRESENT:
        return QueryParameterMatcher(name=test.name, present_match=True)
    return QueryParameterMatcher(name=test.name, string_match=string(test.string))
