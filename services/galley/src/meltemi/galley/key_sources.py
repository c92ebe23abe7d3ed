"""What has to be fetched: whatever objects of the mesh name, as they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.canonical import UnreadableObjectError, from_stored
from meltemi.config.key_sets import BUNDLE, KeySource, source_of
from meltemi.config.ledger_keys import object_key
from meltemi.config.schema.mesh_config import MeshConfig
from meltemi.config.schema.request_authentication import RequestAuthentication

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meltemi.config.schema.message import Message
    from meltemi.store.ports import Listing, Step

KINDS: Final = (RequestAuthentication.__name__, MeshConfig.__name__)
DEFAULT_SECONDS: Final = 5.0
BUNDLE_SECONDS: Final = 10.0
"""As Istio's."""
MOST_SECONDS: Final = 30.0
NANOSECONDS: Final = 1e9


class KeySources:
    """Follows the mirror; calls ``changed`` when there may be something to fetch."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._named: dict[str, Mapping[KeySource, float]] = {}

    @property
    def wanted(self) -> Mapping[KeySource, float]:
        """Every source, and the seconds that a fetch may take."""
        found: dict[KeySource, float] = {}
        for named in self._named.values():
            for source, seconds in named.items():
                found[source] = max(seconds, found.get(source, 0.0))
        return found

    def replace(self, listing: Listing) -> None:
        """Take that there is ``listing``, and nothing else."""
        self._named = {}
        for entry in listing.entries:
            self._take(entry.key, entry.value)
        self._changed()

    def step(self, step: Step) -> None:
        """Take what one revision changed."""
        touched = [self._take(each.key, each.value) for each in step.mutations]
        if any(touched):
            self._changed()

    def _take(self, key: str, value: bytes | None) -> bool:
        if object_key(key).kind not in KINDS:
            return False
        self._named.pop(key, None)
        if value is not None:
            self._named[key] = _sources(value)
        return True


def _sources(value: bytes) -> Mapping[KeySource, float]:
    try:
        return sources_of(from_stored(value).spec)
    except UnreadableObjectError:
        return {}


def sources_of(spec: Message) -> Mapping[KeySource, float]:
    """Return whose keys an object needs fetched, and the seconds it lets that take."""
    if isinstance(spec, MeshConfig):
        return {
            KeySource("", each.spiffe_bundle_url, BUNDLE): BUNDLE_SECONDS
            for each in spec.ca_certificates
            if each.spiffe_bundle_url is not None
        }
    if not isinstance(spec, RequestAuthentication):
        return {}
    return {
        source: min(
            rule.timeout.nanoseconds / NANOSECONDS if rule.timeout else DEFAULT_SECONDS,
            MOST_SECONDS,
        )
        for rule in spec.jwt_rules
        if (source := source_of(rule)) is not None
    }
