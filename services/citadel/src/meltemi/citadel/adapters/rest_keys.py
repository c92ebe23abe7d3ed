"""Routes of the keys that sign tokens."""

from fastapi import APIRouter, Request, Response

from meltemi.citadel.access import Scope
from meltemi.citadel.adapters.desk import Desk, answer_json
from meltemi.citadel.key_ring import NoSuchKeyError


def key_routes(desk: Desk) -> APIRouter:
    """Return the routes under ``/v1/ca/keys``."""
    routes = APIRouter(prefix="/v1/ca/keys")
    kinds = {"workload-token": desk.token_keys, "jwt-svid": desk.svid_keys}

    @routes.get("")
    async def list_keys(request: Request) -> Response:
        desk.check(request, Scope.READ)
        items = [
            {
                "id": each.id,
                "kind": kind,
                "made": each.made,
                "signs": each.id == keeping.signing.id,
            }
            for kind, keeping in kinds.items()
            for each in keeping.ring.stored.keys
        ]
        return answer_json({"items": items})

    @routes.delete("/{kind}/{number}")
    async def withdraw(request: Request, kind: str, number: str) -> Response:
        who = desk.check(request, Scope.ROTATE)
        if kind not in kinds:
            raise NoSuchKeyError(f"keys are of {' or '.join(kinds)}, not of {kind!r}")
        await kinds[kind].withdraw(number)
        desk.chronicle.done("key.withdrawn", who, subject=f"{kind} {number}")
        return answer_json({"id": number, "kind": kind})

    return routes
