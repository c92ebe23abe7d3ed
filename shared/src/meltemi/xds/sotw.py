"""State of the world: the older protocol variant, told in terms of the newer one.

A state-of-the-world request names everything the proxy wants, and a response to a
wildcard type must hold everything it shall keep. Both are differences away from the
incremental form that `Watch` speaks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meltemi.xds.session import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.xds.types import TypeUrl
    from meltemi.xds.watch import Push

NONE: Final[frozenset[str]] = frozenset()


@dataclass(slots=True)
class Whole:
    """What a state-of-the-world proxy named and took, of one type.

    Attributes:
        named: The names of its newest request.
        good: Version by name of the newest response it accepted. While a refused
            batch is halved, these stand in for what is in doubt, so that a response
            that must be complete does not take working resources away.

    """

    type_url: TypeUrl
    named: frozenset[str] = frozenset()
    good: Mapping[str, str] = field(default_factory=dict[str, str])

    def request(
        self, names: frozenset[str], *, nonce: str, error: str | None
    ) -> Request:
        """Return the incremental request that this state-of-the-world one means."""
        before, self.named = self.named, names
        same = names is before  # mostly, and told quickly
        return Request(
            type_url=self.type_url,
            subscribe=NONE if same else names - before,
            unsubscribe=NONE if same else before - names,
            nonce=nonce,
            error=error,
        )

    def contents(self, push: Push, holds: Mapping[str, str]) -> Mapping[str, str]:
        """Return name to version of all that the response for ``push`` must carry."""
        if not self.type_url.wildcard:
            return push.upsert
        if push.whole is not None:
            return push.whole
        kept = {**self.good, **holds}
        for name in push.remove:
            kept.pop(name, None)
        return {**kept, **push.upsert}

    def accept(self, contents: Mapping[str, str]) -> None:
        """Remember that the proxy took a response with ``contents``."""
        self.good = contents
