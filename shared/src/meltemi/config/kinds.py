"""The kinds of configuration this mesh knows, and every spelling of their names."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.gateway import Gateway
from meltemi.config.schema.peer_authentication import PeerAuthentication
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.config.schema.workload_entry import WorkloadEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.schema.message import Message

NETWORKING: Final = "networking.istio.io"
SECURITY: Final = "security.istio.io"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object, as Istio's CustomResourceDefinitions name it."""

    name: str
    group: str
    plural: str
    short_names: tuple[str, ...]
    versions: tuple[str, ...]
    """Accepted API versions; the first is the one objects are stored in."""
    spec: type[Message]

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` objects of this kind are stored in."""
        return f"{self.group}/{self.versions[0]}"

    @property
    def collection(self) -> str:
        """The kind's folder in the ledger, and its full resource name."""
        return f"{self.plural}.{self.group}"


def _networking(
    spec: type[Message], plural: str, *, short_names: tuple[str, ...] = ()
) -> Kind:
    versions = ("v1", "v1beta1", "v1alpha3")
    return Kind(spec.__name__, NETWORKING, plural, short_names, versions, spec)


KINDS: Final = (
    _networking(DestinationRule, "destinationrules", short_names=("dr",)),
    _networking(Gateway, "gateways", short_names=("gw",)),
    Kind(
        PeerAuthentication.__name__,
        SECURITY,
        "peerauthentications",
        ("pa",),
        ("v1", "v1beta1"),
        PeerAuthentication,
    ),
    _networking(ServiceEntry, "serviceentries", short_names=("se",)),
    _networking(VirtualService, "virtualservices", short_names=("vs",)),
    _networking(WorkloadEntry, "workloadentries", short_names=("we",)),
)

KIND_BY_NAME: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name: kind for kind in KINDS}
)
KIND_BY_COLLECTION: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.collection: kind for kind in KINDS}
)


def _words(kind: Kind) -> Iterator[str]:
    yield from (kind.name.lower(), kind.plural, kind.collection, *kind.short_names)


KIND_BY_WORD: Final[Mapping[str, Kind]] = MappingProxyType(
    {word: kind for kind in KINDS for word in _words(kind)}
)


def kind_called(word: str) -> Kind | None:
    """Return the kind people mean by ``word``: name, plural or short name, any case."""
    return KIND_BY_WORD.get(word.lower())


def kind_at(group: str, version: str, plural: str) -> Kind | None:
    """Return the kind served at ``/apis/{group}/{version}/…/{plural}``."""
    kind = KIND_BY_COLLECTION.get(f"{plural}.{group}")
    return kind if kind is not None and version in kind.versions else None
