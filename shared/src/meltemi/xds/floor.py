"""How new the configuration is that a proxy had: no Pilot may give it older one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FLOOR_HEADER: Final = "meltemi-floor"
"""Of an agent's call: the last ``system_version_info`` its proxy was sent."""


DIGITS: Final = 19
"""Of etcd's largest revision, which has 64 bits."""


@dataclass(frozen=True, slots=True)
class Floor:
    """An epoch of the ledger and a revision in it."""

    epoch: str = ""
    revision: int = 0

    @classmethod
    def parse(cls, text: str) -> Floor:
        """Return what ``EPOCH/REVISION`` says; anything else says nothing."""
        epoch, _, revision = text.rpartition("/")
        digits = revision.isascii() and revision.isdecimal()
        known = digits and len(revision) <= DIGITS
        return cls(epoch, int(revision)) if known else cls()

    def met(self, epoch: str, revision: int) -> bool:
        """Tell whether ``revision`` is as new. Of another epoch nobody can say."""
        return epoch != self.epoch or revision >= self.revision
