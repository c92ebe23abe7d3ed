"""The route a newcomer asks first. Anybody may: nothing in its answer is secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.credentials.invitation import PATH, Invitation
from meltemi.galley.adapters.answers import json_answer, route
from meltemi.galley.refusals import NoInvitationError
from meltemi.identity.trust import TrustBundle, trust_key

if TYPE_CHECKING:
    from fastapi import Request, Response
    from starlette.routing import BaseRoute

    from meltemi.galley.settings import GalleySettings
    from meltemi.store.ports import LedgerReader


class Newcomers:
    """Knows where the mesh is joined, and reads in the ledger whom it believes."""

    def __init__(self, ledger: LedgerReader, settings: GalleySettings) -> None:
        self._ledger, self._settings = ledger, settings

    async def invitation(self) -> Invitation:
        """Return how to join.

        Raises:
            NoInvitationError: If nobody said where, or Citadel told no roots yet.
            LedgerUnavailableError: If the ledger does not answer.

        """
        settings = self._settings
        if not settings.joining_pilots:
            raise NoInvitationError(
                "this Galley was not told where workloads join: set "
                "GALLEY_JOINING_CITADEL_BOOTSTRAP, GALLEY_JOINING_CITADEL_RENEWAL and "
                "GALLEY_JOINING_PILOTS"
            )
        entry = await self._ledger.get(trust_key(settings.mesh))
        if entry is None:
            raise NoInvitationError(
                f"there are no roots of the mesh {settings.mesh!r} yet: is Citadel up?"
            )
        return Invitation(
            settings.trust_domain,
            str(settings.joining_citadel_bootstrap),
            str(settings.joining_citadel_renewal),
            tuple(map(str, settings.joining_pilots)),
            TrustBundle.decode(entry.value).roots,
        )


def newcomers_route(newcomers: Newcomers) -> BaseRoute:
    """Return the route that tells how to join."""

    async def tell(_: Request) -> Response:
        return json_answer(msgspec.to_builtins(await newcomers.invitation()))

    return route(PATH, {"GET": tell})
