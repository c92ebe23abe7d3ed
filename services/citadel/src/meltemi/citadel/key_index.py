"""Which key speaks for whom: no key may speak for two. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.kernel.identity import SpiffeId

REMEMBERED = timedelta(hours=24)
MOST_KEYS = 200_000


class KeyReusedError(MeshError):
    """A key that speaks for one workload is to speak for another."""

    code = "citadel.key-reused"
    blame = Blame.CALLER


class KeyIndex:
    """The keys certified lately, by the SHA-256 of their SubjectPublicKeyInfo."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def check(self, digest: str, identity: SpiffeId, now: datetime) -> None:
        """Make sure that a key is not another's.

        Raises:
            KeyReusedError: If it was, within the last 24 hours.

        """
        owner, since = self._kept.get(digest, (str(identity), now))
        if owner != str(identity) and now - since < REMEMBERED:
            raise KeyReusedError(
                f"the key was certified for another identity within 24 h: {identity} "
                "needs a key of its own"
            )

    def note(self, digest: str, identity: str, now: datetime) -> None:
        """Remember that a key was certified for ``identity``."""
        self._kept[digest] = identity, now
        self._kept.move_to_end(digest)
        if len(self._kept) > MOST_KEYS:
            self._kept.popitem(last=False)
