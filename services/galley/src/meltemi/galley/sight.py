"""What a writer may take for the present: the mirror, and our own newest writes.

It may be behind. A write that is made from it carries its revision as a guard, so
that being behind costs a second look, never a wrong write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.kernel.names import Revision
from meltemi.store.ports import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.galley.mirror import Mirror
    from meltemi.store.ports import Write

MOST_OWN = 1024
"""Own writes remembered until the mirror has seen them."""


class Sight:
    """Entries as they probably are."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._own: dict[str, tuple[Revision, Entry | None]] = {}

    @property
    def clear(self) -> bool:
        """Whether anything was seen at all."""
        return self._mirror.revision is not None

    def get(self, key: str) -> Entry | None:
        """Return the entry that probably is at ``key``."""
        seen = self._mirror.get(key)
        revision, own = self._own.get(key, (Revision(0), None))
        return own if revision > (self._mirror.revision or 0) else seen

    def note(self, writes: Sequence[Write], revision: Revision) -> None:
        """Remember what was just written, until the mirror knows."""
        for write in writes:
            made = None
            if write.value is not None:
                made = Entry(write.key, write.value, revision, revision)
            self._own[write.key] = (revision, made)
        if len(self._own) > MOST_OWN:
            known = self._mirror.revision or 0
            newer = {key: own for key, own in self._own.items() if own[0] > known}
            self._own = newer if len(newer) <= MOST_OWN else {}
