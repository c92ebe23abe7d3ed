"""The configuration API: Kubernetes' URLs for Istio's kinds.

FastAPI reads annotations at run time: nothing is postponed here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from meltemi.config.decode import decode
from meltemi.config.kinds import Kind, kind_at
from meltemi.config.resource import Resource
from meltemi.config.schema.message import Message
from meltemi.galley.adapters.body import read_body
from meltemi.galley.adapters.callers import Callers
from meltemi.galley.adapters.pilots import Pilots
from meltemi.galley.admit import Held, Preconditions, Stamp
from meltemi.galley.distribution import (
    Condition,
    Distribution,
    Fleet,
    conditions,
    distribution,
)
from meltemi.galley.metrics import Metrics
from meltemi.galley.objects import Asked, Objects, Outcome
from meltemi.galley.presentation import as_json, shown, shown_list
from meltemi.galley.reads import Reads
from meltemi.galley.refusals import (
    InvalidQueryError,
    MismatchError,
    NotFoundError,
    UnknownKindError,
)
from meltemi.galley.selector import LabelSelector
from meltemi.kernel.clock import Clock
from meltemi.kernel.names import Key, Namespace

COLLECTION = "/apis/{group}/{version}/namespaces/{namespace}/{plural}"
OBJECT = COLLECTION + "/{name}"
OUTCOME = "Meltemi-Outcome"
"""Header that says what a write did: created, configured or unchanged."""
STALE = '110 galley "etcd is away: this is what was last seen"'
"""RFC 7234 §5.5.1: a response that may be stale says so."""


@dataclass(frozen=True)
class Galley:
    """What the routes work with."""

    reads: Reads
    objects: Objects
    pilots: Pilots
    callers: Callers
    metrics: Metrics
    clock: Clock
    new_uid: Callable[[], str]


@dataclass(frozen=True)
class Place:
    """Where a URL points: a kind in one of its versions, and a namespace."""

    kind: Kind
    api_version: str
    namespace: Namespace

    def key(self, name: str) -> Key:
        """Return the identity of the object ``name`` here."""
        return Key(self.kind.name, self.namespace, name)


def place_of(group: str, version: str, plural: str, namespace: str = "") -> Place:
    """Return what the parts of a URL mean.

    Raises:
        UnknownKindError: If nothing is served there.

    """
    kind = kind_at(group, version, plural)
    if kind is None:
        raise UnknownKindError(
            f"/apis/{group}/{version} serves no {plural!r}: /apis lists what is served"
        )
    return Place(kind, f"{group}/{version}", Namespace(namespace))


def configuration(galley: Galley) -> APIRouter:
    """Return the routes that read and write objects."""
    router = APIRouter(tags=["configuration"])
    _reads(router, galley)
    _lists(router, galley)
    _writes(router, galley)
    _deletion(router, galley)
    return router


def _reads(router: APIRouter, galley: Galley) -> None:
    @router.get(OBJECT)
    async def read(
        group: str, version: str, namespace: str, plural: str, name: str
    ) -> Response:
        place = place_of(group, version, plural, namespace)
        held, stale = await galley.reads.get(place.key(name))
        if held is None:
            raise NotFoundError(place.key(name))
        fleet = await galley.pilots.fleet()
        body = as_json(shown(held, place.api_version, _conditions(held, fleet)))
        return _json(body, etag=held.etag, stale=stale)

    @router.get(OBJECT + "/distribution")
    @router.get("/api/v1" + OBJECT + "/distribution")
    async def read_distribution(  # noqa: PLR0913 - FastAPI reads the signature
        *,
        group: str,
        version: str,
        namespace: str,
        plural: str,
        name: str,
        revision: Annotated[int | None, Query(ge=1)] = None,
    ) -> Response:
        place = place_of(group, version, plural, namespace)
        held, stale = await galley.reads.get(place.key(name))
        if held is None and revision is None:
            raise NotFoundError(place.key(name))
        fleet = await galley.pilots.fleet()
        found = _distribution(place.key(name), held, revision, fleet)
        return _json(as_json(found), stale=stale)


def _lists(router: APIRouter, galley: Galley) -> None:
    @router.get(COLLECTION)
    async def list_namespace(
        group: str,
        version: str,
        namespace: str,
        plural: str,
        label_selector: Annotated[str, Query(alias="labelSelector")] = "",
    ) -> Response:
        place = place_of(group, version, plural, namespace)
        return await _list(galley, place, namespace, label_selector)

    @router.get("/apis/{group}/{version}/{plural}")
    async def list_everywhere(
        group: str,
        version: str,
        plural: str,
        label_selector: Annotated[str, Query(alias="labelSelector")] = "",
    ) -> Response:
        place = place_of(group, version, plural)
        return await _list(galley, place, None, label_selector)


def _writes(router: APIRouter, galley: Galley) -> None:
    @router.post(COLLECTION, status_code=201)
    async def create(  # noqa: PLR0913 - FastAPI reads the signature
        request: Request,
        *,
        group: str,
        version: str,
        namespace: str,
        plural: str,
        dry_run: Annotated[str, Query(alias="dryRun")] = "",
        x_meltemi_file: Annotated[str, Header()] = "request",
    ) -> Response:
        asked = _asked(galley, request, dry_run)
        place = place_of(group, version, plural, namespace)
        resource = _decoded(await read_body(request), x_meltemi_file, place)
        asked = replace(asked, preconditions=_preconditions(request, resource))
        return _answer(galley, place, await galley.objects.create(resource, asked))

    @router.put(OBJECT)
    async def put(  # noqa: PLR0913 - FastAPI reads the signature
        request: Request,
        *,
        group: str,
        version: str,
        namespace: str,
        plural: str,
        name: str,
        dry_run: Annotated[str, Query(alias="dryRun")] = "",
        x_meltemi_file: Annotated[str, Header()] = "request",
    ) -> Response:
        asked = _asked(galley, request, dry_run)
        place = place_of(group, version, plural, namespace)
        resource = _decoded(await read_body(request), x_meltemi_file, place)
        if resource.metadata.name != name:
            raise MismatchError(
                f"the URL is about {name!r}, the body about {resource.metadata.name!r}"
            )
        asked = replace(asked, preconditions=_preconditions(request, resource))
        return _answer(galley, place, await galley.objects.replace(resource, asked))


def _deletion(router: APIRouter, galley: Galley) -> None:
    @router.delete(OBJECT)
    async def delete(  # noqa: PLR0913 - FastAPI reads the signature
        request: Request,
        *,
        group: str,
        version: str,
        namespace: str,
        plural: str,
        name: str,
        dry_run: Annotated[str, Query(alias="dryRun")] = "",
    ) -> Response:
        asked = _asked(galley, request, dry_run)
        place = place_of(group, version, plural, namespace)
        asked = replace(asked, preconditions=_preconditions(request, None))
        outcome = await galley.objects.delete(place.key(name), asked)
        _count(galley, outcome)
        status = {
            "apiVersion": "v1",
            "kind": "Status",
            "status": "Success",
            "metadata": {"resourceVersion": str(outcome.held.revision)},
            "details": {
                "name": name,
                "group": group,
                "kind": plural,
                "uid": outcome.held.resource.metadata.uid,
            },
        }
        return _json(as_json(status))


async def _list(
    galley: Galley, place: Place, namespace: str | None, label_selector: str
) -> Response:
    selector = LabelSelector.parse(label_selector)
    found = await galley.reads.list(place.kind.name, namespace)
    fleet = await galley.pilots.fleet()
    items = [
        shown(held, place.api_version, _conditions(held, fleet))
        for held in found.items
        if selector.selects(held.resource.metadata.labels)
    ]
    body = shown_list(place.kind, place.api_version, items, found.revision)
    return _json(as_json(body), stale=found.stale)


def _asked(galley: Galley, request: Request, dry_run: str) -> Asked:
    """Return who asks for what, before a byte of the body is read."""
    caller = galley.callers.identify(request.headers.get("authorization"))
    if dry_run not in ("", "All"):
        raise InvalidQueryError(f"dryRun is All or absent, not {dry_run!r}")
    stamp = Stamp(caller.manager, timestamp(galley.clock.now()), galley.new_uid())
    return Asked(caller, stamp, Preconditions(), dry_run == "All")


def _preconditions(
    request: Request, resource: Resource[Message] | None
) -> Preconditions:
    return Preconditions(
        "" if resource is None else resource.metadata.resource_version,
        request.headers.get("if-match"),
        request.headers.get("if-none-match"),
    )


def _decoded(data: bytes, file: str, place: Place) -> Resource[Message]:
    """Return the one object of a body, if it is what the URL is about."""
    resources = decode(data, file=file, default_namespace=place.namespace)
    if len(resources) != 1:
        raise MismatchError(f"the body holds {len(resources)} objects: send one")
    resource = resources[0]
    if resource.kind != place.kind.name:
        raise MismatchError(
            f"the URL is about a {place.kind.name}, the body about a {resource.kind}"
        )
    if resource.metadata.namespace != place.namespace:
        raise MismatchError(
            f"the URL is about the namespace {place.namespace!r}, the body about "
            f"{resource.metadata.namespace!r}"
        )
    return resource


def _answer(galley: Galley, place: Place, outcome: Outcome) -> Response:
    _count(galley, outcome)
    body = as_json(shown(outcome.held, place.api_version))
    answer = _json(body, status=201 if outcome.created else 200, etag=outcome.held.etag)
    if outcome.created:
        answer.headers[OUTCOME] = "created"
    else:
        answer.headers[OUTCOME] = "configured" if outcome.written else "unchanged"
    return answer


def _count(galley: Galley, outcome: Outcome) -> None:
    galley.metrics.writes.labels("written" if outcome.written else "unchanged").inc()


def _distribution(
    key: Key, held: Held | None, revision: int | None, fleet: Fleet
) -> Distribution:
    if held is None:
        return distribution(str(key), revision or 0, fleet, written=None)
    wanted = revision or held.revision
    managed = held.resource.metadata.managed_fields
    written = managed[-1].time if managed and wanted == held.revision else None
    return distribution(str(key), wanted, fleet, written=written)


def _conditions(held: Held, fleet: Fleet) -> tuple[Condition, ...]:
    return conditions(_distribution(held.resource.key, held, None, fleet))


def _json(
    body: bytes, *, status: int = 200, etag: str = "", stale: bool = False
) -> Response:
    headers = {"ETag": etag} if etag else {}
    if stale:
        headers["Warning"] = STALE
    return Response(body, status, headers, "application/json")


def timestamp(now: datetime) -> str:
    """Return ``now`` in RFC 3339, UTC, with microseconds: ``…T12:00:00.000000Z``."""
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
