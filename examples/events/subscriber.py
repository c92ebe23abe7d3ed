"""Print every configuration change, exactly once, whatever happens to NATS.

Usage: ``python subscriber.py GALLEY-URL NATS-URL``
"""

import asyncio
import sys
from itertools import chain

import httpx2
import msgspec

from meltemi.bus.nats import NatsBus
from meltemi.bus.subscribe import Present, Subscription
from meltemi.config.kinds import KINDS, Kind
from meltemi.config.ledger_keys import ledger_key
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.names import Epoch, Key, Namespace, Revision

MESH = "default"


class GalleyAwayError(MeshError):
    """Galley does not answer: the helper tries again."""

    code = "galley.away"
    blame = Blame.PEER


async def listed(
    client: httpx2.AsyncClient, kind: Kind
) -> tuple[Epoch, Revision, dict[str, tuple[Revision, bytes]]]:
    """Return every object of one kind, and the revision they are of."""
    try:
        answer = await client.get(f"/apis/{kind.api_version}/{kind.plural}")
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise GalleyAwayError(str(error)) from error
    body = answer.json()
    found = {}
    for each in body["items"]:
        metadata = each["metadata"]
        key = Key(kind.name, Namespace(metadata["namespace"]), metadata["name"])
        revision = Revision(int(metadata["resourceVersion"]))
        found[ledger_key(MESH, key)] = (revision, msgspec.json.encode(each))
    revision = Revision(int(body["metadata"]["resourceVersion"]))
    return Epoch(answer.headers.get("meltemi-epoch", "")), revision, found


async def main(galley: str, nats: str) -> None:
    """Follow until interrupted."""
    async with httpx2.AsyncClient(base_url=galley, trust_env=False) as client:

        async def present() -> Present:
            lists = [await listed(client, kind) for kind in KINDS]
            objects = dict(chain.from_iterable(each[2].items() for each in lists))
            return Present(lists[0][0], min(each[1] for each in lists), objects)

        async with NatsBus(nats) as bus, Subscription(bus, MESH, present) as changes:
            async for update in changes.updates():
                word = "deleted" if update.value is None else "is now"
                print(update.revision, update.ledger_key, word, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
