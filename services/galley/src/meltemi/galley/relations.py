"""Which objects have to do with which: an index, so that one write asks few. Pure.

An object provides terms (``host a.b``, ``gateway ns/edge``) and asks for terms of
others. What an analyzer says about an object depends on those it asks for, and on
nothing else; so the analysis of one object needs only its neighbours.

::

    VirtualService ─ asks ─▶ host …, rules …, routes …, gateway …
    DestinationRule ─ asks ─▶ host … ─ ServiceEntry ─ through it ─▶ workload ns k=v
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.virtual_services import destinations
from meltemi.config.analysis.world import full_host
from meltemi.config.rules.provider import named_by_telemetry
from meltemi.config.schema.authorization_policy import AuthorizationPolicy
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.gateway import Gateway
from meltemi.config.schema.mesh_config import MeshConfig
from meltemi.config.schema.request_authentication import RequestAuthentication
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.telemetry import Telemetry
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.config.schema.workload_entry import WorkloadEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.kernel.names import Key

    Object = Resource[Message]

MESH = "mesh"
"""The mesh-wide settings: everything asks for them."""
TOKENS = "tokens"
"""Every RequestAuthentication."""
GATEWAYS = "gateways"
ANYWHERE = "*"


class Relations:
    """Objects by what they provide, and by what they ask for."""

    def __init__(self) -> None:
        self._objects: dict[Key, Object] = {}
        self._providers: dict[str, set[Key]] = {}
        self._askers: dict[str, set[Key]] = {}

    def get(self, key: Key) -> Object | None:
        """Return the object of that name."""
        return self._objects.get(key)

    def put(self, resource: Object) -> None:
        """Take an object, in place of the one of its name."""
        key = resource.key
        self.remove(key)
        self._objects[key] = resource
        for index, word in self._places(resource):
            index.setdefault(word, set()).add(key)

    def remove(self, key: Key) -> None:
        """Forget an object, if there is one."""
        resource = self._objects.pop(key, None)
        if resource is None:
            return
        for index, word in self._places(resource):
            keys = index.get(word)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del index[word]

    def clear(self) -> None:
        """Forget everything."""
        for each in (self._objects, self._providers, self._askers):
            each.clear()

    def _places(self, resource: Object) -> Iterator[tuple[dict[str, set[Key]], str]]:
        """Yield where an object stands in the indexes; a place may come twice."""
        yield from ((self._providers, word) for word in provided(resource))
        yield from ((self._askers, word) for word in asked(resource))

    def around(
        self, resource: Object, beside: Iterable[Object] = ()
    ) -> dict[Key, Object]:
        """Return what ``resource`` has to do with.

        Args:
            resource: Looked at as it is given, whatever the index holds of its name.
            beside: Objects not in the index that count too, also for a second look.

        """
        found = self._providing(asked(resource))
        shown = (*found.values(), *beside)
        return found | self._providing(asked_through(resource, shown))

    def dependents(self, *versions: Object | None) -> list[Object]:
        """Return who asks for what some version of an object provides."""
        words = {
            word
            for each in versions
            if each is not None
            for word in provided(each)
            if word not in (MESH, TOKENS, GATEWAYS)
        }
        own = {each.key for each in versions if each is not None}
        keys = {key for word in words for key in self._askers.get(word, ())} - own
        return [self._objects[key] for key in sorted(keys)]

    def _providing(self, words: Iterable[str]) -> dict[Key, Object]:
        return {
            key: self._objects[key]
            for word in words
            for key in self._providers.get(word, ())
        }


def provided(resource: Object) -> Iterator[str]:
    """Yield the terms under which others look for ``resource``."""
    spec, home = resource.spec, resource.metadata.namespace
    match spec:
        case ServiceEntry():
            yield from (_term("host", host) for host in spec.hosts)
            yield f"host {ANYWHERE}"
        case DestinationRule():
            yield _term("rules", full_host(spec.host, home))
        case VirtualService():
            for host in spec.hosts:
                yield _term("routes", full_host(host, home))
        case Gateway():
            yield from (GATEWAYS, f"gateway {home}/{resource.metadata.name}")
        case WorkloadEntry():
            labels = {**spec.labels, **resource.metadata.labels}
            for space in (home, ANYWHERE):
                yield f"workload {space}"
                yield from (f"workload {space} {k}={v}" for k, v in labels.items())
        case RequestAuthentication():
            yield TOKENS
        case MeshConfig():
            yield MESH
            yield from (_provider(each.name) for each in spec.extension_providers)
        case _:
            pass


def asked(resource: Object) -> Iterator[str]:
    """Yield the terms that ``resource`` looks for others under."""
    spec, home = resource.spec, resource.metadata.namespace
    yield MESH
    match spec:
        case VirtualService():
            yield from _asked_by_routes(spec, home)
        case DestinationRule():
            host = full_host(spec.host, home)
            yield from (_term("host", host), "host wild")
            if host.startswith("*"):
                yield f"host {ANYWHERE}"
        case ServiceEntry():
            yield from (_term("host", host) for host in spec.hosts)
        case Gateway():
            yield GATEWAYS
        case AuthorizationPolicy():
            chosen = spec.selector.match_labels if spec.selector else {}
            yield from (_workload(space, chosen) for space in (home, ANYWHERE))
        case Telemetry():
            yield from (_provider(name) for _, name in named_by_telemetry(spec))
        case _:
            pass


def asked_through(resource: Object, found: Iterable[Object]) -> Iterator[str]:
    """Yield the terms that ``resource`` looks under for the sake of what it found."""
    for each in found:
        spec, home = each.spec, each.metadata.namespace
        if isinstance(resource.spec, DestinationRule) and isinstance(
            spec, ServiceEntry
        ):
            if spec.workload_selector:
                yield _workload(home, spec.workload_selector.labels)
        elif isinstance(resource.spec, VirtualService) and isinstance(spec, Gateway):
            yield TOKENS
            yield _workload(ANYWHERE, spec.selector)


def _asked_by_routes(spec: VirtualService, home: str) -> Iterator[str]:
    for host in spec.hosts:
        yield _term("routes", full_host(host, home))
    for name in spec.gateways:
        yield f"gateway {name if '/' in name else f'{home}/{name}'}"
    for _, destination in destinations(spec):
        host = full_host(destination.host, home)
        yield from (_term("host", host), "host wild")
        yield from (_term("rules", host), "rules wild")
        yield _term("routes", host)


def _provider(name: str) -> str:
    return f"provider {name.casefold()}"


def _term(noun: str, host: str) -> str:
    """Return where a host lies; all with a wildcard lie together."""
    return f"{noun} wild" if host.startswith("*") else f"{noun} {host}"


def _workload(namespace: str, labels: Mapping[str, str]) -> str:
    """Return where the workloads lie among which those with ``labels`` are."""
    for name, value in labels.items():
        return f"workload {namespace} {name}={value}"
    return f"workload {namespace}"
