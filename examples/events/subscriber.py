"""Print every configuration change, exactly once, whatever happens to NATS.

Usage: ``python subscriber.py GALLEY-URL NATS-URL [TOKEN]``.
"""

import asyncio
import sys
from collections.abc import Mapping

import httpx2

from meltemi.bus.nats import NatsBus
from meltemi.events import RestListing, subscribe
from meltemi.kernel.errors import Blame, MeshError


class GalleyAwayError(MeshError):
    """Galley does not answer: the helper tries again."""

    code = "galley.away"
    blame = Blame.PEER


async def main(galley: str, nats: str, token: str = "") -> None:
    """Follow until interrupted."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(base_url=galley, headers=headers, trust_env=False) as client,
        NatsBus(nats) as bus,
    ):

        async def fetch(path: str) -> tuple[Mapping[str, str], bytes]:
            try:
                answer = await client.get(path)
                answer.raise_for_status()
            except httpx2.HTTPError as error:
                raise GalleyAwayError(str(error)) from error
            return answer.headers, answer.content

        async with subscribe(bus, RestListing(fetch)) as updates:
            async for update in updates:
                word = "deleted" if update.value is None else "is now"
                print(update.revision, update.ledger_key, word, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
