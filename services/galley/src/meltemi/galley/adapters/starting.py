"""The route an agent asks what its proxy starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from fastapi import Response

from meltemi.config.schema.mesh_config import MeshConfig
from meltemi.config.schema.proxy_config import ProxyConfig
from meltemi.config.starting import PATH, Words, words
from meltemi.galley.adapters.answers import JSON, STALE, route
from meltemi.galley.adapters.asking import evidence_of
from meltemi.galley.permission import check_starting
from meltemi.galley.refusals import InvalidQueryError
from meltemi.galley.selector import Selection
from meltemi.kernel.names import Key, Namespace

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.routing import BaseRoute

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.adapters.galley import Galley

M = TypeVar("M", bound="Message")


def starting_route(galley: Galley) -> BaseRoute:
    """Return the route that tells what a workload's proxy starts with."""

    async def tell(request: Request) -> Response:
        namespace = request.path_params["namespace"]
        await _check(galley, request, namespace)
        labels = labels_of(request.query_params.get("labels", ""))
        found, stale = await _words(galley, namespace, labels)
        headers = {"Warning": STALE} if stale else {}
        return Response(found.encode(), 200, headers, JSON)

    return route(PATH + "/{namespace}", {"GET": tell})


async def _check(galley: Galley, request: Request, namespace: str) -> None:
    """Let a workload read what its own namespace is told, and others as their scopes.

    A workload that says who it is may not ask for others, on loopback neither.
    """
    evidence = evidence_of(request)
    caller = await galley.callers.reader(evidence)
    if caller is None and evidence.authorization:
        caller = await galley.callers.identify(evidence)
    if caller is not None:
        check_starting(caller, namespace)


async def _words(
    galley: Galley, namespace: str, labels: dict[str, str]
) -> tuple[Words, bool]:
    """Return what is told, and whether the ledger could not be asked for it."""
    root = galley.root_namespace
    key = Key(MeshConfig.__name__, Namespace(root), "default")
    mesh, stale = await galley.reads.get(key)
    found = [
        await galley.reads.list(ProxyConfig.__name__, each, Selection.parse("", ""))
        for each in (root, namespace)
    ]
    wide, own = (
        [each for held in several.items for each in _read(held.resource, ProxyConfig)]
        for several in found
    )
    said = next(iter(_read(mesh.resource, MeshConfig) if mesh else ()), None)
    told = words(said, [] if namespace == root else wide, own, labels)
    return told, stale or any(each.stale for each in found)


def _read(resource: Resource[Message], spec: type[M]) -> list[Resource[M]]:
    """Return the object, if it can be read."""
    # The kind of an object says what it specifies; one unreadable has no such spec.
    return [resource] if isinstance(resource.spec, spec) else []  # type: ignore[list-item]


def labels_of(text: str) -> dict[str, str]:
    """Return the labels that ``a=b,c=d`` spells; raise `InvalidQueryError`."""
    pairs = [each.partition("=") for each in text.split(",") if each]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise InvalidQueryError(f"labels are NAME=VALUE,…: found {text[:80]!r}")
    return {name: value for name, _, value in pairs}
