"""VirtualServices that leave a part of their routing to others.

Source: pilot/pkg/model/virtualservice.go mergeVirtualServicesIfNeeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from meltemi.pilot import ir
from meltemi.pilot.model.host import resolve
from meltemi.pilot.model.visibility import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.http_match import HTTPMatchRequest
    from meltemi.config.schema.http_route import Destination, HTTPRoute
    from meltemi.config.schema.string_match import StringMatch
    from meltemi.config.schema.virtual_service import VirtualService

    Virtual = Resource[VirtualService]
    Matches = tuple[HTTPMatchRequest, ...]

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule to translate, and the objects that wrote it."""

    route: HTTPRoute
    namespace: str
    """Where short names of destinations are looked up."""
    origins: tuple[ir.Origin, ...]
    """The delegate's rule before the root's."""


def rules(
    virtual: Virtual, delegates: Mapping[tuple[str, str], Virtual], domain_suffix: str
) -> Iterator[Rule]:
    """Yield the HTTP rules of ``virtual``, its delegates' in the place of its own.

    A rule whose delegate does not exist, or is not exported to the root's namespace,
    is left out.

    Args:
        virtual: A VirtualService with hosts.
        delegates: Those without hosts, by namespace and name.
        domain_suffix: The mesh's, for short names.

    """
    home = virtual.metadata.namespace
    for number, route in enumerate(virtual.spec.http):
        origin = _origin(virtual, number)
        if route.delegate is None:
            yield Rule(route, home, (origin,))
            continue
        named = (route.delegate.namespace or home, route.delegate.name or "")
        delegate = delegates.get(named)
        if delegate is None or not visible(delegate.spec.export_to, named[0], home):
            continue
        root = _qualified(route, home, domain_suffix)
        for index, leaf in enumerate(delegate.spec.http):
            for made in merged(root, (leaf,)):
                yield Rule(made, named[0], (_origin(delegate, index), origin))


def merged(root: HTTPRoute, delegate: Sequence[HTTPRoute]) -> tuple[HTTPRoute, ...]:
    """Return the routes of a ``delegate`` as ``root`` sees them.

    A route that contradicts the root is left out; the others match what both match,
    and take from the root what they do not say.
    """
    found = (_merged_route(root, each) for each in delegate)
    return tuple(route for route in found if route is not None)


def merged_matches(root: Matches, delegate: Matches) -> Matches | None:
    """Return what matches in both, or None when they contradict each other.

    Each alternative of the delegate has to fit into one of the root.
    """
    if not root or not delegate:
        return delegate or root
    found: list[HTTPMatchRequest] = []
    for leaf in delegate:
        fitting = [
            _merged_match(each, leaf) for each in root if not conflict(each, leaf)
        ]
        if not fitting:
            return None
        found += fitting
    return tuple(found)


def conflict(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> bool:
    """Tell whether ``leaf`` may match something that ``root`` does not."""
    return (
        _strings_conflict(root, leaf)
        or bool(root.ignore_uri_case) != bool(leaf.ignore_uri_case)
        or _differ(root.port, leaf.port)
        or _differ(root.source_namespace, leaf.source_namespace)
        or any(
            root.source_labels.get(key, value) != value
            for key, value in leaf.source_labels.items()
        )
        or (bool(root.gateways) and not set(leaf.gateways) <= set(root.gateways))
    )


def _origin(virtual: Virtual, number: int) -> ir.Origin:
    metadata = virtual.metadata
    path = f"spec.http[{number}]"
    return ir.Origin(virtual.kind, metadata.namespace, metadata.name, path)


def _qualified(route: HTTPRoute, home: str, suffix: str) -> HTTPRoute:
    """Return ``route`` with the hosts of its mirrors in full: a delegate may use them.

    Its own destinations are out of the question: a root has none.
    """

    def full(destination: Destination) -> Destination:
        host = resolve(destination.host, home, suffix)
        return msgspec.structs.replace(destination, host=host)

    return msgspec.structs.replace(
        route,
        mirror=full(route.mirror) if route.mirror else None,
        mirrors=tuple(
            msgspec.structs.replace(each, destination=full(each.destination))
            for each in route.mirrors
        ),
    )


def _merged_route(root: HTTPRoute, delegate: HTTPRoute) -> HTTPRoute | None:
    matches = merged_matches(root.match, delegate.match)
    if matches is None:
        return None
    return msgspec.structs.replace(
        delegate,
        match=matches,
        name=_joined(root.name, delegate.name),
        rewrite=delegate.rewrite or root.rewrite,
        direct_response=delegate.direct_response or root.direct_response,
        timeout=_first(delegate.timeout, root.timeout),
        retries=delegate.retries or root.retries,
        fault=delegate.fault or root.fault,
        mirror=delegate.mirror or root.mirror,
        mirrors=delegate.mirrors or root.mirrors,
        mirror_percent=_first(delegate.mirror_percent, root.mirror_percent),
        mirror_percentage=delegate.mirror_percentage or root.mirror_percentage,
        cors_policy=delegate.cors_policy or root.cors_policy,
        headers=delegate.headers or root.headers,
    )


def _merged_match(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> HTTPMatchRequest:
    return msgspec.structs.replace(
        leaf,
        name=_joined(root.name, leaf.name),
        uri=leaf.uri or root.uri,
        scheme=leaf.scheme or root.scheme,
        method=leaf.method or root.method,
        authority=leaf.authority or root.authority,
        headers={**root.headers, **leaf.headers},
        without_headers={**root.without_headers, **leaf.without_headers},
        query_params={**root.query_params, **leaf.query_params},
        port=leaf.port or root.port,
        source_labels={**root.source_labels, **leaf.source_labels},
        source_namespace=leaf.source_namespace or root.source_namespace,
        gateways=leaf.gateways or root.gateways,
        stat_prefix=leaf.stat_prefix or root.stat_prefix,
    )


def _joined(root: str | None, leaf: str | None) -> str | None:
    return f"{root}-{leaf}" if root and leaf else leaf or root


def _first(leaf: V | None, root: V | None) -> V | None:
    return root if leaf is None else leaf


def _differ(root: int | str | None, leaf: int | str | None) -> bool:
    return bool(root) and bool(leaf) and root != leaf


def _strings_conflict(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> bool:
    pairs = [
        (root.uri, leaf.uri),
        (root.scheme, leaf.scheme),
        (root.method, leaf.method),
        (root.authority, leaf.authority),
        *_pairs(root.headers, leaf.headers),
        *_pairs(root.without_headers, leaf.without_headers),
        *_pairs(root.query_params, leaf.query_params),
    ]
    return any(_contradicts(wide, narrow) for wide, narrow in pairs)


def _pairs(
    root: Mapping[str, StringMatch], leaf: Mapping[str, StringMatch]
) -> Iterator[tuple[StringMatch | None, StringMatch]]:
    return ((root.get(name), match) for name, match in leaf.items())


def _contradicts(root: StringMatch | None, leaf: StringMatch | None) -> bool:
    """Tell whether ``leaf`` is not surely within ``root``; nobody compares regexes."""
    if root is None or leaf is None:
        return False
    if root.regex or leaf.regex:
        return True
    if root.exact:
        return bool(leaf.prefix) or leaf.exact != root.exact
    if root.prefix:
        text = leaf.prefix or leaf.exact
        return not text or not text.startswith(root.prefix)
    return True
