"""VirtualService conditions on requests, as the IR's.

Some are settled here, because they are about the caller and not about the request:
its gateways, labels, namespace and the port it uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.model.service import selects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.schema.http_match import HTTPMatchRequest
    from meltemi.config.schema.string_match import StringMatch

MESH_GATEWAY = "mesh"
SPECIAL = frozenset("\\.+*?()|[]{}^$")
"""Characters that mean something in RE2 (Go's regexp.QuoteMeta)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends, and through what.

    Attributes:
        namespace: Of the workload.
        labels: Of the workload.
        port: The service's or gateway's port the request comes to.
        gateways: ``NAMESPACE/NAME`` of the gateways it passes, or ``mesh``.
        forwarded_host: Whether a rewritten host is passed on in x-forwarded-host
            (ProxyConfig's proxyHeaders.xForwardedHost).

    """

    namespace: str
    port: int
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    gateways: frozenset[str] = frozenset({MESH_GATEWAY})
    forwarded_host: bool = False


def concerns(match: HTTPMatchRequest, caller: Caller, home: str) -> bool:
    """Tell whether requests of ``caller`` can match at all.

    ``home`` is the VirtualService's namespace. Where a match names gateways, source
    labels and namespace do not count (pilot/pkg/networking/core/route/route.go
    sourceMatchHTTP).
    """
    if match.port and match.port != caller.port:
        return False
    if match.gateways:
        return bool(qualified(match.gateways, home) & caller.gateways)
    if match.source_namespace and match.source_namespace != caller.namespace:
        return False
    return selects(match.source_labels, caller.labels)


def qualified(gateways: tuple[str, ...], home: str) -> frozenset[str]:
    """Return gateway names as ``NAMESPACE/NAME``; ``mesh`` stays itself."""
    return frozenset(
        each if "/" in each or each == MESH_GATEWAY else f"{home}/{each}"
        for each in gateways
    )


def condition(match: HTTPMatchRequest, *, segments: bool) -> ir.Match:
    """Return what a request must look like; ``segments``: prefixes end at a slash."""
    headers = [
        ir.NamedTest(name, _string(test))
        for name, test in sorted(match.headers.items())
    ]
    headers += [
        ir.NamedTest(name, _string(test), invert=True)
        for name, test in sorted(match.without_headers.items())
    ]
    for pseudo, test in (
        (":method", match.method),
        (":authority", match.authority),
        (":scheme", match.scheme),
    ):
        if test:
            headers.append(ir.NamedTest(pseudo, _string(test)))
    query = (
        ir.NamedTest(name, _string(test))
        for name, test in sorted(match.query_params.items())
    )
    return ir.Match(
        path=_path(match, segments=segments), headers=tuple(headers), query=tuple(query)
    )


def comparison(test: StringMatch) -> ir.StringTest:
    """Return the comparison a StringMatch means where its value must be given."""
    if test.exact is not None:
        return ir.StringTest(ir.Test.EXACT, test.exact)
    if test.prefix is not None:
        return ir.StringTest(ir.Test.PREFIX, test.prefix)
    return ir.StringTest(ir.Test.REGEX, test.regex or ".*")


def quoted(text: str) -> str:
    """Return an RE2 pattern that matches ``text`` and nothing else."""
    return "".join(f"\\{each}" if each in SPECIAL else each for each in text)


def _path(match: HTTPMatchRequest, *, segments: bool) -> ir.PathTest:
    everything = ir.StringTest(ir.Test.PREFIX, "/")
    string = comparison(match.uri) if match.uri else everything
    if match.ignore_uri_case and string.test is not ir.Test.REGEX:
        string = ir.StringTest(string.test, string.value, ignore_case=True)
    return ir.PathTest(string, segments=segments)


def _string(test: StringMatch) -> ir.StringTest:
    """Return the comparison; an empty one, or the regex ``*``, asks for presence."""
    said = (test.exact, test.prefix, test.regex)
    if said in ((None, None, None), (None, None, "*")):
        return ir.StringTest(ir.Test.PRESENT)
    return comparison(test)
