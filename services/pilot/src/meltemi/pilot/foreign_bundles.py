"""The bundles of other meshes that Galley fetched, as the ledger holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.key_sets import BUNDLE, kept_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class ForeignBundles:
    """What is published at each URL. A follower of `keys_prefix`.

    Attributes:
        known: Whether the ledger was read once.

    """

    def __init__(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever there is something new."""
        self.known = False
        self._changed = changed
        self._kept: dict[str, tuple[str, str]] = {}

    @property
    def by_url(self) -> Mapping[str, str]:
        """The roots, PEM, by the URL of the bundle."""
        return dict(self._kept.values())

    def replace(self, found: Mapping[str, bytes]) -> None:
        """Hold ``found``, and nothing else."""
        self._kept = {}
        for key, value in found.items():
            self._take(key, value)
        self.known = True
        self._changed()

    def change(self, key: str, value: bytes | None) -> None:
        """Take one change; what is no bundle is passed over."""
        before = self._kept.pop(key, None)
        self._take(key, value)
        if self._kept.get(key) != before:
            self._changed()

    def _take(self, key: str, value: bytes | None) -> None:
        kept = kept_keys(value) if value is not None else None
        if kept is not None and kept.kind == BUNDLE and kept.keys:
            self._kept[key] = kept.uri, kept.keys
