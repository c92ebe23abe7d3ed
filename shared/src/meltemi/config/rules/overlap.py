"""Rules and matches of a VirtualService that an earlier one leaves nothing to do.

Source:
    pkg/config/validation/validation.go analyzeUnreachableHTTPRules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.rules.problem import warning
from meltemi.config.schema.http_match import HTTPMatchRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.finding import Finding
    from meltemi.config.schema.http_route import HTTPRoute
    from meltemi.config.schema.message import Message
    from meltemi.config.schema.string_match import StringMatch
    from meltemi.config.schema.virtual_service import TCPRoute, TLSRoute

    Matches = Sequence[Sequence[Message]]
    Located = tuple[str, HTTPMatchRequest]

UNREACHABLE: Final = "IST0130"
INEFFECTIVE: Final = "IST0131"
MOST: Final = 128
"""Prefixes that are compared with each other: the work grows with the square."""
ENCODER: Final = msgspec.json.Encoder(order="sorted")


def check_overlap(
    http: tuple[HTTPRoute, ...], tls: tuple[TLSRoute, ...], tcp: tuple[TCPRoute, ...]
) -> Iterator[Finding]:
    """Yield a warning for each rule and match that never acts."""
    yield from _check_matches("spec.http", [route.match for route in http])
    yield from _check_matches("spec.tls", [route.match for route in tls])
    yield from _check_matches("spec.tcp", [route.match for route in tcp])
    yield from _check_prefixes(http)


def _check_matches(path: str, rules: Matches) -> Iterator[Finding]:
    seen: dict[bytes, int] = {}
    open_rule = False
    for number, matches in enumerate(rules):
        if not matches:
            if open_rule:
                message = "is never used: an earlier rule takes everything"
                yield warning(f"{path}[{number}]", message, code=UNREACHABLE)
            open_rule = True
            continue
        repeated = 0
        for index, match in enumerate(matches):
            meaning = _meaning(match)
            first = seen.get(meaning)
            seen.setdefault(meaning, number)
            if first is not None:
                here = f"{path}[{number}].match[{index}]"
                message = f"is never used: {path}[{first}] matches the same"
                yield warning(here, message, code=INEFFECTIVE)
                repeated += 1
        if repeated == len(matches):
            message = "is never used: earlier rules match the same"
            yield warning(f"{path}[{number}]", message, code=UNREACHABLE)


def _meaning(match: Message) -> bytes:
    """Return what ``match`` matches, whatever it is called."""
    if isinstance(match, HTTPMatchRequest) and match.name:
        match = msgspec.structs.replace(match, name=None)
    return ENCODER.encode(match)


def _check_prefixes(routes: tuple[HTTPRoute, ...]) -> Iterator[Finding]:
    located = [
        (f"spec.http[{number}].match[{index}]", match)
        for number, route in enumerate(routes)
        for index, match in enumerate(route.match)
        if match.uri is not None and match.uri.prefix
    ]
    distinct: dict[bytes, Located] = {}
    for here, match in located:
        distinct.setdefault(_meaning(match), (here, match))
    kept = list(distinct.values())[:MOST]
    for position, (first, wide) in enumerate(kept):
        for here, narrow in kept[position + 1 :]:
            if _prefix(wide) != _prefix(narrow) and _covers(wide, narrow):
                message = f"is never used: {first} matches prefix {_prefix(wide)!r}"
                yield warning(here, message, code=INEFFECTIVE)


def _prefix(match: HTTPMatchRequest) -> str:
    return (match.uri and match.uri.prefix) or ""


def _covers(wide: HTTPMatchRequest, narrow: HTTPMatchRequest) -> bool:
    """Tell whether Istio takes ``narrow`` to lie within ``wide``.

    A method left out counts as GET, as Istio has it.
    """
    return (
        _prefix(narrow).startswith(_prefix(wide))
        and (wide.port or 0) == (narrow.port or 0)
        and _word(wide.method, "exact:GET").startswith(
            _word(narrow.method, "exact:GET")
        )
        and _word(wide.authority).startswith(_word(narrow.authority))
        and _all_cover(wide.headers, narrow.headers)
        and _all_cover(wide.query_params, narrow.query_params)
        and _all_cover(wide.without_headers, narrow.without_headers)
    )


def _all_cover(
    wide: Mapping[str, StringMatch], narrow: Mapping[str, StringMatch]
) -> bool:
    return wide.keys() == narrow.keys() and all(
        _word(wide[name]).startswith(_word(narrow[name])) for name in wide
    )


def _word(match: StringMatch | None, default: str = "") -> str:
    if match is not None and match.exact:
        return f"exact:{match.exact}"
    if match is not None and match.prefix:
        return f"prefix:{match.prefix}"
    return default
