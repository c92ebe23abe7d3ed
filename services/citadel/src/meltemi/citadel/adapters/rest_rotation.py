"""Routes of the authority itself: how it stands, and a new root for the mesh."""

from fastapi import APIRouter, Request, Response

from meltemi.citadel.access import Scope
from meltemi.citadel.adapters.desk import Desk, answer_json
from meltemi.citadel.rotation.record import (
    Record,
    RotationError,
    Spread,
    abandoned,
    begun,
    retired,
    tainted,
)
from meltemi.citadel.rotation.status import RotationStatus, rotation_status
from meltemi.citadel.signers.rotating import RotatingSigner
from meltemi.identity.certificate import key_identifier, parse_chain


def rotation_routes(desk: Desk) -> APIRouter:
    """Return the routes under ``/v1/ca/rotation``."""
    routes = APIRouter(prefix="/v1/ca/rotation")

    @routes.get("")
    async def status(request: Request) -> Response:
        desk.check(request, Scope.READ)
        return answer_json(await _status(desk, _rotating(desk)))

    @routes.post("", status_code=201)
    async def begin(request: Request) -> Response:
        who, signer = desk.check(request, Scope.ROTATE), _rotating(desk)
        now = signer.now
        record = await signer.replace_root(lambda old, new: begun(old, new, now))
        desk.chronicle.done("rotation.begun", who, subject=_subject(record))
        return answer_json(await _status(desk, signer), 201)

    _step_routes(routes, desk)
    return routes


def _step_routes(routes: APIRouter, desk: Desk) -> None:
    """Add the routes that change a rotation under way, or begin one in a hurry."""

    @routes.post("/taint")
    async def taint(request: Request) -> Response:
        who, signer = desk.check(request, Scope.ROTATE), _rotating(desk)
        now = signer.now
        if signer.stand.record.other is None:
            record = await signer.replace_root(
                lambda old, new: begun(old, new, now, taint=True)
            )
        else:
            record = await signer.change(lambda old: tainted(old, now))
        desk.chronicle.done("rotation.tainted", who, subject=_subject(record))
        return answer_json(await _status(desk, signer))

    @routes.post("/retire")
    async def retire(request: Request) -> Response:
        who, signer = desk.check(request, Scope.ROTATE), _rotating(desk)
        now = signer.now
        spread, force = await _spread(desk, signer), request.query_params.get("force")
        record = await signer.change(
            lambda old: retired(old, signer.waits, now, spread, force=force == "true")
        )
        desk.chronicle.done("rotation.retired", who, subject=_subject(record))
        return answer_json(await _status(desk, signer))

    @routes.post("/abandon")
    async def abandon(request: Request) -> Response:
        who, signer = desk.check(request, Scope.ROTATE), _rotating(desk)
        now = signer.now
        record = await signer.change(lambda old: abandoned(old, now))
        desk.chronicle.done("rotation.abandoned", who, subject=_subject(record))
        return answer_json(await _status(desk, signer))


def _rotating(desk: Desk) -> RotatingSigner:
    if isinstance(desk.signer, RotatingSigner):
        return desk.signer
    raise RotationError(
        "this mesh's root is kept elsewhere: replace it where it is (in Vault: "
        "root/rotate; for a plug-in CA: its files), and the bundle follows"
    )


async def _status(desk: Desk, signer: RotatingSigner) -> RotationStatus:
    stand, spread = signer.stand, await _spread(desk, signer)
    return rotation_status(stand.record, signer.waits, stand.bundle.version, spread)


async def _spread(desk: Desk, signer: RotatingSigner) -> Spread:
    """Return how far the authority that signs is known, and the other in use."""
    other = signer.stand.record.other
    living = 0
    if other is not None:
        (root,) = parse_chain(other.certificate)
        living = desk.certificates.living(key_identifier(root))
    return Spread(await signer.distributed(), living)


def _subject(record: Record) -> str:
    return f"generation {record.newest}, {record.phase}"
