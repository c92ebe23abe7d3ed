"""The keys of token issuers that had to be fetched, as the ledger holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meltemi.config.key_sets import KEYS, KeySource, kept_keys
from meltemi.kernel.names import Revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.store.ports import Listing

BEFORE_ALL: Final = Revision(0)


@dataclass(frozen=True, slots=True)
class FetchedKeys:
    """Key sets by whose they are, all there is of them at ``revision``."""

    revision: Revision = BEFORE_ALL
    by_source: Mapping[KeySource, str] = field(default_factory=dict["KeySource", str])

    @classmethod
    def of(cls, listing: Listing) -> FetchedKeys:
        """Return the keys that ``listing`` holds; what cannot be read is left out."""
        found = (kept_keys(entry.value) for entry in listing.entries)
        return cls(
            listing.revision,
            {
                kept.source: kept.keys
                for kept in found
                if kept and kept.keys and kept.kind == KEYS
            },
        )
