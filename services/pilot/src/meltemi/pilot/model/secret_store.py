"""The TLS secrets of gateways, opened, as the ledger holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meltemi.identity.sealed import SealError
from meltemi.identity.tls_secret import TlsSecret, kept_secret
from meltemi.kernel.names import Revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.identity.sealed import SealingKey
    from meltemi.identity.tls_secret import KeptSecret
    from meltemi.store.ports import Listing

BEFORE_ALL: Final = Revision(0)


@dataclass(frozen=True, slots=True)
class SecretStore:
    """Secrets by namespace and name, all there is of them at ``revision``.

    ``shut`` are those that do not open: they are as good as absent.
    """

    revision: Revision = BEFORE_ALL
    by_place: Mapping[tuple[str, str], TlsSecret] = field(
        default_factory=dict[tuple[str, str], TlsSecret], repr=False
    )
    gone: frozenset[tuple[str, str]] = frozenset()
    """Those that were there once, and were deleted."""
    shut: tuple[str, ...] = ()

    @classmethod
    def of(cls, listing: Listing, key: SealingKey | None) -> SecretStore:
        """Return the secrets that ``listing`` holds, opened with ``key``."""
        opened: dict[tuple[str, str], TlsSecret] = {}
        shut: list[str] = []
        gone: set[tuple[str, str]] = set()
        for entry in listing.entries:
            kept = kept_secret(entry.value)
            if kept is None or not entry.key.endswith(f"/{kept.place}"):
                shut.append(entry.key)
                continue
            if kept.is_gone:
                gone.add((kept.namespace, kept.name))
                continue
            made = _opened(kept, key)
            if made is None:
                shut.append(entry.key)
            else:
                opened[kept.namespace, kept.name] = made
        return cls(listing.revision, opened, frozenset(gone), tuple(shut))


def _opened(kept: KeptSecret, key: SealingKey | None) -> TlsSecret | None:
    try:
        return None if key is None else kept.opened(key)
    except SealError:
        return None
