"""Everything that is there, as Galley's API lists it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from meltemi.config.kinds import KINDS
from meltemi.config.ledger_keys import ledger_key
from meltemi.events.subscription import Present
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.names import Epoch, Key, Namespace, Revision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.kinds import Kind

EPOCH = "Meltemi-Epoch"
"""Header of a list: which ledger its revision is of."""


class UnlistableError(MeshError):
    """Galley did not list what is there, or the lists do not fit together."""

    code = "events.unlistable"
    blame = Blame.PEER


class Fetch(Protocol):
    """GETs a path of Galley, with whatever client and proof the caller has."""

    async def __call__(self, path: str) -> tuple[Mapping[str, str], bytes]:
        """Return headers and body of a 200; a `MeshError` of a peer: try again.

        Headers are looked up in any case, as every HTTP client's are.
        """
        ...


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str
    name: str = ""
    namespace: str = ""


class _Item(msgspec.Struct):
    metadata: _Metadata


class _List(msgspec.Struct):
    metadata: _Metadata
    items: list[msgspec.Raw]


class RestListing:
    """Lists the objects of every kind, or of some."""

    def __init__(
        self, fetch: Fetch, *, mesh: str = "default", kinds: Sequence[Kind] = KINDS
    ) -> None:
        self._fetch, self._mesh, self._kinds = fetch, mesh, kinds

    async def __call__(self) -> Present:
        """Return what is there: the lists hold everything up to the oldest of them.

        Raises:
            UnlistableError: If an answer is no list, or they are of two ledgers.

        """
        objects: dict[str, tuple[Revision, bytes]] = {}
        revisions: list[Revision] = []
        epochs: set[str] = set()
        for kind in self._kinds:
            headers, body = await self._fetch(f"/apis/{kind.api_version}/{kind.plural}")
            try:
                listed = msgspec.json.decode(body, type=_List)
                objects.update(self._entries(kind, listed.items))
                revisions.append(Revision(int(listed.metadata.resource_version)))
            except (msgspec.MsgspecError, ValueError) as error:
                message = f"Galley's list of {kind.plural} is none: {error}"
                raise UnlistableError(message) from error
            epochs.add(headers.get(EPOCH, ""))
        if len(epochs) != 1 or "" in epochs:
            told = ", ".join(sorted(epochs)) or "none"
            raise UnlistableError(f"the lists are of one ledger each, not of: {told}")
        return Present(Epoch(epochs.pop()), min(revisions), objects)

    def _entries(
        self, kind: Kind, items: list[msgspec.Raw]
    ) -> Iterator[tuple[str, tuple[Revision, bytes]]]:
        for item in items:
            metadata = msgspec.json.decode(item, type=_Item).metadata
            key = Key(kind.name, Namespace(metadata.namespace), metadata.name)
            revision = Revision(int(metadata.resource_version))
            yield ledger_key(self._mesh, key), (revision, bytes(item))
