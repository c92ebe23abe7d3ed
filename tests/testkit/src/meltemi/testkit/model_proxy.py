"""A proxy without traffic: it takes what it is sent as xDS has it, and a Pilot for it.

It asks as Envoy does: for clusters, then their endpoints, then listeners, then the
route tables those name. It refuses what it is told to refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status

from meltemi.pilot.adapters.ads_variant import Delta, WholeState
from meltemi.pilot.adapters.chunks import Chunks
from meltemi.pilot.adapters.said_names import Vocabulary
from meltemi.xds.differences import Differences
from meltemi.xds.session import Session
from meltemi.xds.types import TypeUrl
from meltemi.xds.virtual_host import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message

    from meltemi.pilot.adapters.ads_variant import Variant
    from meltemi.pilot.push import Snapshots
    from meltemi.pilot.scope.proxy import ProxyClass

MESSAGES: Final[dict[TypeUrl, type[Message]]] = {
    TypeUrl.CLUSTER: Cluster,
    TypeUrl.ENDPOINT: ClusterLoadAssignment,
    TypeUrl.LISTENER: Listener,
    TypeUrl.ROUTE: RouteConfiguration,
    TypeUrl.VIRTUAL_HOST: VirtualHost,
}


class Held(NamedTuple):
    """A resource as a proxy took it; the version is empty in the older variant."""

    version: str
    body: bytes


class Sent(NamedTuple):
    """A response, read."""

    kind: TypeUrl
    nonce: str
    version: str
    found: dict[str, Held]
    removed: frozenset[str]


@dataclass
class ModelPilot:
    """What a Pilot has for all of its streams."""

    snapshots: Snapshots
    differences: Differences = field(default_factory=Differences)
    chunks: Chunks = field(default_factory=lambda: Chunks(few=1))
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    revision: int = 0

    def turn(self, revision: int) -> None:
        """Have what it keeps forget what no revision needs any more."""
        if revision != self.revision:
            self.revision = revision
            self.chunks.turn()
            self.differences.turn()


@dataclass
class ModelProxy:
    """A proxy, and the stream it has to some Pilot."""

    group: ProxyClass
    delta: bool
    held: dict[TypeUrl, dict[str, Held]] = field(
        default_factory=lambda: {kind: {} for kind in TypeUrl}
    )
    refused: set[tuple[TypeUrl, bytes]] = field(
        default_factory=set["tuple[TypeUrl, bytes]"]
    )
    """Bodies it will not take, where it does not hold them already."""
    inbox: list[bytes] = field(default_factory=list["bytes"])
    hosts: dict[str, dict[str, Held]] = field(
        default_factory=dict["str", "dict[str, Held]"]
    )
    """By table the virtual hosts in use; what is `held` of them was sent some time."""

    def connect(self, pilot: ModelPilot) -> None:
        """Begin a stream; over delta it tells what it holds."""
        self._pilot = pilot
        self._session = Session(differences=pilot.differences)
        self._variant: Variant = (
            Delta(pilot.chunks)
            if self.delta
            else WholeState(pilot.chunks, pilot.vocabulary)
        )
        self._asked: dict[TypeUrl, frozenset[str] | None] = {}
        self._last: dict[TypeUrl, Sent] = {}
        self._taken: dict[TypeUrl, set[str]] = {kind: set() for kind in TypeUrl}
        self.inbox = []
        self._ask()

    def serve(self) -> bool:
        """Let the Pilot send what is due; tell whether that was anything."""
        snapshot = self._pilot.snapshots.of(self.group)
        assert snapshot is not None
        self._pilot.turn(snapshot.revision)
        self._session.aim(snapshot.versions, snapshot.revision, snapshot.retired)
        due = self._session.pushes()
        for kind, push in due:
            made = self._variant.response(kind, push, snapshot, "e/1")
            self.inbox.append(b"".join(made))
        return bool(due)

    def answer(self) -> None:
        """Take the first response, or refuse it, and say so; ask for what it names."""
        sent = self._read(self.inbox.pop(0))
        known = self.held[sent.kind]
        bad = sorted(
            name
            for name, each in sent.found.items()
            if (sent.kind, each.body) in self.refused
            and (name not in known or known[name].body != each.body)
        )
        if sent.kind is TypeUrl.VIRTUAL_HOST:
            bad = self._take_hosts(sent, bad)
            if bad:  # told is only what an accepted response brought or took away
                sent = sent._replace(found={}, removed=frozenset())
        good = {name: each for name, each in sent.found.items() if name not in bad}
        if not self.delta and sent.kind.wildcard:
            known = {name: known[name] for name in known if name in sent.found}
        self.held[sent.kind] = {
            name: each
            for name, each in {**known, **good}.items()
            if name not in sent.removed
        }
        self._last[sent.kind] = sent
        self._taken[sent.kind].update(good)
        if sent.kind is TypeUrl.ROUTE:
            for name in self._fetching():
                self.hosts.setdefault(name, {})
        self._say(sent.kind, nonce=sent.nonce, error=", ".join(bad))
        self._ask()

    def _ask(self) -> None:
        """Ask for what is due, in Envoy's order, and drop what is not needed."""
        if not self._first(TypeUrl.CLUSTER):
            return
        clusters = map(Cluster.FromString, self._bodies(TypeUrl.CLUSTER))
        wanted = {each.name for each in clusters if each.type == Cluster.EDS}
        if not self._first(TypeUrl.ENDPOINT, wanted):
            return
        if not self._first(TypeUrl.LISTENER):
            return
        listeners = map(Listener.FromString, self._bodies(TypeUrl.LISTENER))
        self._first(TypeUrl.ROUTE, {t for each in listeners for t in tables(each)})
        fetching = set(self._fetching())
        self.hosts = {n: each for n, each in self.hosts.items() if n in fetching}
        if fetching:
            self._first(TypeUrl.VIRTUAL_HOST)

    def _fetching(self) -> Iterator[str]:
        """Yield the tables whose virtual hosts come by themselves."""
        for body in self._bodies(TypeUrl.ROUTE):
            table = RouteConfiguration.FromString(body)
            if table.HasField("vhds"):
                yield table.name

    def _take_hosts(self, sent: Sent, bad: list[str]) -> list[str]:
        """Take virtual hosts, of each table all or none; return what is refused.

        Those of a table that is not there are lost, and nobody is told.
        """
        refused: list[str] = []
        for table, before in self.hosts.items():
            new = {n: each for n, each in sent.found.items() if table_of(n) == table}
            after = {n: each for n, each in before.items() if n not in sent.removed}
            after |= new
            if twice(after.values()) or set(bad) & set(new):
                refused += sorted(set(bad) & set(new)) or ["a domain twice"]
            else:
                self.hosts[table] = after
        return refused

    def hold(self, pilot: ModelPilot) -> None:
        """Hold all that ``pilot`` has for it, as if it had come."""
        snapshot = pilot.snapshots.of(self.group)
        assert snapshot is not None
        for kind, named in snapshot.resources.items():
            self.held[kind] = {
                name: Held(each.version, each.body) for name, each in named.items()
            }
        self.hosts = {name: {} for name in self._fetching()}
        for name, each in self.held[TypeUrl.VIRTUAL_HOST].items():
            self.hosts[table_of(name)][name] = each

    def lacks(self) -> dict[str, tuple[bytes | None, bytes | None]]:
        """Return what it does not hold as its Pilot has it: what it has, what is due.

        Of endpoints and route tables only those count that it asked for.
        """
        snapshot = self._pilot.snapshots.of(self.group)
        assert snapshot is not None
        found: dict[str, tuple[bytes | None, bytes | None]] = {}
        for kind in MESSAGES:
            due = {n: each.body for n, each in snapshot.resources[kind].items()}
            has = {n: each.body for n, each in self.held[kind].items()}
            every = due.keys() | has.keys()
            if kind is TypeUrl.VIRTUAL_HOST:
                due = {n: due[n] for n in due if table_of(n) in self.hosts}
                has = {
                    n: h.body for each in self.hosts.values() for n, h in each.items()
                }
                every = due.keys() | has.keys()
            named = kind.wildcard or kind is TypeUrl.VIRTUAL_HOST
            for name in every if named else self._asked.get(kind) or ():
                if has.get(name) != due.get(name):
                    found[f"{kind.short} {name}"] = (has.get(name), due.get(name))
        return found

    @property
    def known(self) -> bool:
        """Whether its Pilot can know what it holds.

        On a new stream of the older variant nobody tells it, and a response with all
        clusters takes away those of listeners that are yet to be replaced, or that are
        never replaced because the proxy refuses what shall replace them.
        """
        return self.delta or all(
            name in self._taken[kind]
            for kind in (TypeUrl.LISTENER, TypeUrl.ROUTE)
            for name in self.held[kind]
        )

    def missing(self) -> dict[bytes, set[str]]:
        """Return by listener and table the clusters it names that are not held."""
        return {
            body: clusters_named(MESSAGES[kind].FromString(body))
            - self.held[TypeUrl.CLUSTER].keys()
            for kind in (TypeUrl.LISTENER, TypeUrl.ROUTE)
            for body in self._bodies(kind)
        } | {
            each.body: clusters_named(VirtualHost.FromString(each.body))
            - self.held[TypeUrl.CLUSTER].keys()
            for hosts in self.hosts.values()
            for each in hosts.values()
        }

    def _bodies(self, kind: TypeUrl) -> Iterator[bytes]:
        return (each.body for each in self.held[kind].values())

    def _first(self, kind: TypeUrl, wanted: Iterable[str] | None = None) -> bool:
        """Ask for ``kind`` if it is not asked for; tell whether it was answered."""
        names = None if wanted is None else frozenset(wanted)
        if kind not in self._asked:
            if names == frozenset():
                self.held[kind] = {}
                return True
            self._asked[kind] = names
            self._say(kind, names=names or frozenset(), first=True)
            return bool(self.held[kind])  # it asks for all at once when it comes back
        if names != self._asked[kind] and names is not None:
            before = self._asked[kind] or frozenset()
            self._asked[kind] = names
            self.held[kind] = {
                name: each for name, each in self.held[kind].items() if name in names
            }
            self._say(kind, names=names - before, gone=before - names)
        return kind in self._last or bool(self.held[kind])

    def _say(
        self,
        kind: TypeUrl,
        *,
        names: frozenset[str] = frozenset(),
        gone: frozenset[str] = frozenset(),
        nonce: str = "",
        error: str = "",
        first: bool = False,
    ) -> None:
        problem = Status(code=3, message=f"refused: {error}") if error else None
        message: DeltaDiscoveryRequest | DiscoveryRequest
        if self.delta:
            told = {n: each.version for n, each in self.held[kind].items()}
            message = DeltaDiscoveryRequest(
                type_url=kind,
                resource_names_subscribe=sorted(names),
                resource_names_unsubscribe=sorted(gone),
                initial_resource_versions=told if first else {},
                response_nonce=nonce,
                error_detail=problem,
            )
        else:
            last = self._last.get(kind)
            message = DiscoveryRequest(
                type_url=kind,
                resource_names=sorted(self._asked[kind] or ()),
                response_nonce=last.nonce if last else "",
                version_info=last.version if last else "",
                error_detail=problem,
            )
        parsed = self._variant.parse(message.SerializeToString())
        self._session.take(self._variant.request(parsed, kind))
        self._variant.answered(kind, self._session)

    def _read(self, data: bytes) -> Sent:
        if self.delta:
            new = DeltaDiscoveryResponse.FromString(data)
            found = {
                each.name: Held(each.version, each.resource.value)
                for each in new.resources
            }
            gone = frozenset(new.removed_resources)
            return Sent(TypeUrl(new.type_url), new.nonce, "", found, gone)
        old = DiscoveryResponse.FromString(data)
        kind = TypeUrl(old.type_url)
        bodies = [each.value for each in old.resources]
        found = {name_of(kind, body): Held("", body) for body in bodies}
        return Sent(kind, old.nonce, old.version_info, found, frozenset())


def twice(hosts: Iterable[Held]) -> bool:
    """Tell whether two of ``hosts`` are for one domain: Envoy refuses that."""
    every = [d for each in hosts for d in VirtualHost.FromString(each.body).domains]
    return len(every) != len(set(every))


def name_of(kind: TypeUrl, body: bytes) -> str:
    """Return the name of a resource."""
    field = "cluster_name" if kind is TypeUrl.ENDPOINT else "name"
    return str(getattr(MESSAGES[kind].FromString(body), field))


def tables(listener: Listener) -> Iterator[str]:
    """Yield the route tables that ``listener`` fetches."""
    for where, each in _values(MessageToDict(listener)):
        if where == "routeConfigName":
            yield str(each)


def clusters_named(message: Message) -> set[str]:
    """Return the clusters that a listener or a route table sends to."""
    found = set[str]()
    for where, each in _values(MessageToDict(message)):
        if where == "cluster" and isinstance(each, str):
            found.add(each)
        if where == "clusters" and isinstance(each, list):
            found.update(str(one["name"]) for one in each)
    return found


def _values(value: object) -> Iterator[tuple[str, object]]:
    """Yield every field in ``value``, which is JSON, with its name."""
    if isinstance(value, list):
        for each in value:
            yield from _values(each)
    if isinstance(value, dict):
        for where, each in value.items():
            yield str(where), each
            yield from _values(each)
