"""All types of one stream, in an order that never breaks traffic.

Make before break: clusters and their endpoints go first; listeners and routes follow
when those are in place; clusters and filters' configurations that nobody needs any
more are taken away last (Envoy's "eventual consistency considerations" in its xDS
protocol page). Filters hold nothing else up: an agent may have to fetch them first.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.xds.differences import Differences
from meltemi.xds.types import EMPTY, REFERRERS, TARGETS, WILDCARD, TypeUrl
from meltemi.xds.virtual_host import table_of
from meltemi.xds.watch import REFUSED, Push, Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Spare = Mapping[TypeUrl, Mapping[str, Container[str]]]
"""By type and name: older versions that can still be sent."""

NO_SPARE: Spare = MappingProxyType({})
NO_RESOURCES: Mapping[str, str] = MappingProxyType({})

FIRST: Final = MappingProxyType(
    {TypeUrl.ENDPOINT: True, TypeUrl.SECRET: True, TypeUrl.EXTENSION: False}
)
"""What goes right after clusters, and whether what is gone of it leaves at once."""
LAST: Final = (TypeUrl.CLUSTER, TypeUrl.EXTENSION)
"""What leaves when nothing needs it any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a proxy says in one message, whichever protocol variant it speaks."""

    type_url: TypeUrl
    subscribe: frozenset[str] = frozenset()
    unsubscribe: frozenset[str] = frozenset()
    initial: Mapping[str, str] = field(default_factory=dict[str, str])
    nonce: str = ""
    error: str | None = None


@dataclass(slots=True)
class Progress:
    """How far one type has come, in configuration revisions.

    A revision that a type needs nothing of counts as sent, and acknowledged.
    """

    sent: int = 0
    acked: int = 0
    refused: int = 0


class Need(NamedTuple):
    """What one type of one proxy lacks of a target, at one edition of its watch."""

    available: Mapping[str, str]
    edition: int
    wanted: Mapping[str, str]
    """The part of what is available that the proxy asked for."""
    lacking: Mapping[str, str]
    leftovers: frozenset[str]
    met: bool
    """Whether nothing is to be sent or taken away."""
    idle: bool
    """Whether nothing is awaited or to be done either."""


@dataclass(slots=True)
class Session:
    """The state of one proxy's stream. It never awaits, logs or reads a clock.

    ``target`` is what the proxy shall hold at ``revision``; set both through `aim`.
    """

    watches: dict[TypeUrl, Watch] = field(default_factory=dict[TypeUrl, Watch])
    progress: dict[TypeUrl, Progress] = field(default_factory=dict[TypeUrl, Progress])
    target: Mapping[TypeUrl, Mapping[str, str]] = field(
        default_factory=dict[TypeUrl, "Mapping[str, str]"]
    )
    spare: Spare = field(default_factory=dict[TypeUrl, "Mapping[str, Container[str]]"])
    revision: int = 0
    acked: int = 0
    """The revision the proxy holds in every type; 0 while it lacks a whole type.

    Every proxy watches clusters and listeners: one that has not asked for them yet
    holds nothing.
    """
    replaced: set[str] = field(default_factory=set[str])
    """Clusters that were sent before the proxy asked for endpoints."""
    fetched: set[str] = field(default_factory=set[str])
    """Route tables that were fetched anew before the proxy asked for virtual hosts."""
    tables: frozenset[str] = frozenset()
    """Route tables that the proxy has taken and asks for: Envoy drops a virtual host
    of any other."""
    needs: dict[TypeUrl, Need] = field(default_factory=dict["TypeUrl", "Need"])
    """What was found out last: most messages change nothing of most types."""
    differences: Differences = field(default_factory=Differences, repr=False)
    """One for all sessions of a process."""

    def aim(
        self,
        target: Mapping[TypeUrl, Mapping[str, str]],
        revision: int,
        spare: Spare = NO_SPARE,
    ) -> None:
        """Set what the proxy shall hold from now on. Older aims are forgotten.

        ``spare`` has the older versions that could be sent in place of refused ones.
        """
        self.target, self.revision, self.spare = target, revision, spare

    def take(self, request: Request) -> None:
        """Take one message of the proxy: a subscription, an answer, or both."""
        kind = request.type_url
        watch = self.watches.get(kind)
        if watch is None:
            watch = self.watches[kind] = self._open(request)
            self.progress[kind] = Progress()
            if kind is TypeUrl.ENDPOINT:
                watch.resend(self.replaced)
                self.replaced = set()
        else:
            watch.subscribe(request.subscribe - {"*"})
        watch.unsubscribe(request.unsubscribe)
        if request.nonce and watch.settle(request.nonce, error=request.error):
            self._note(kind, refused=request.error is not None)
        if kind is TypeUrl.ROUTE:
            self._follow_tables(request.subscribe - request.initial.keys())
        elif kind is TypeUrl.VIRTUAL_HOST:
            self._follow_tables(frozenset())

    def pushes(self) -> list[tuple[TypeUrl, Push]]:
        """Return what to send now, in the order it must be sent."""
        busy = self._busy()
        due = list(self._due(busy)) if busy and self.revision else []
        self._advance(busy)
        return due

    def _busy(self) -> dict[TypeUrl, Watch]:
        """Return the types with something to do, or to wait for: mostly one or none."""
        busy, needs, target = dict[TypeUrl, Watch](), self.needs, self.target
        for kind, watch in self.watches.items():
            need = needs.get(kind)
            if (  # as in `_need`, without a call: this is asked of every type each time
                need is None
                or need.edition != watch.edition
                or need.available is not target.get(kind, NO_RESOURCES)
            ):
                need = self._look(kind, watch)
            if not need.idle:
                busy[kind] = watch
        return busy

    def _due(self, busy: dict[TypeUrl, Watch]) -> Iterator[tuple[TypeUrl, Push]]:
        """Yield what to send for ``busy``, which holds what waits for something."""
        if TypeUrl.CLUSTER in busy:
            yield from self._push(TypeUrl.CLUSTER, busy, removals=False)
            if TypeUrl.ENDPOINT in self.watches:  # those of a cluster that was replaced
                busy[TypeUrl.ENDPOINT] = self.watches[TypeUrl.ENDPOINT]
        for kind, removals in FIRST.items():
            yield from self._push(kind, busy, removals=removals)
        if not self._settled(TARGETS, busy):
            return
        for kind in REFERRERS:
            if kind is not TypeUrl.VIRTUAL_HOST or self._tables_settled(busy):
                yield from self._push(kind, busy, removals=True)
        if self._settled(REFERRERS, busy) and not self._refused():
            for kind in LAST:
                yield from self._push(kind, busy, removals=True)

    def _open(self, request: Request) -> Watch:
        kind = request.type_url
        whole = kind.wildcard or kind is TypeUrl.VIRTUAL_HOST
        everything = whole and request.subscribe <= {"*"}
        warms = kind is TypeUrl.CLUSTER
        watch = Watch(
            names=None if everything else frozenset(),
            differences=self.differences,
            unanswered=everything and kind.wildcard and not request.initial,
            warms=warms,
        )
        told = request.initial
        if REFUSED in told.values():
            watch.stuck = {name: "" for name in told if told[name] == REFUSED}
            told = {name: told[name] for name in told if name not in watch.stuck}
        if kind is TypeUrl.VIRTUAL_HOST:
            told = self._kept_hosts(told)
        watch.resume(request.subscribe - {"*"}, told)
        return watch

    def _kept_hosts(self, told: Mapping[str, str]) -> Mapping[str, str]:
        """Return those of ``told`` that the proxy can still have.

        Envoy tells every virtual host that it was ever sent; those of a table that it
        has to fetch anew, or has fetched on this stream, went with the table.
        """
        routes = self.watches.get(TypeUrl.ROUTE)
        if routes is None:
            return told
        kept = {*routes.holds} - self.fetched
        return {name: told[name] for name in told if table_of(name) in kept}

    def _follow_tables(self, fetched: frozenset[str]) -> None:
        """Note which tables the proxy has, of which it fetches ``fetched`` anew.

        A table comes without virtual hosts, whatever the proxy was sent before. Who
        refuses a new version of a table keeps the old one.
        """
        hosts = self.watches.get(TypeUrl.VIRTUAL_HOST)
        routes = self.watches.get(TypeUrl.ROUTE)
        if hosts is None or routes is None:
            self.fetched |= fetched
            return
        known = {each for each in routes.names or () if each in routes.holds}
        tables = frozenset(known | (self.tables & (routes.names or frozenset())))
        if tables != self.tables:
            self.tables = self.differences.interned(tables)
            hosts.edition += 1
        if fetched:
            flying = hosts.flight.upsert if hosts.flight else {}
            every = {*hosts.holds, *flying}
            hosts.resend(name for name in every if table_of(name) in fetched)

    def _tables_settled(self, busy: Mapping[TypeUrl, Watch]) -> bool:
        """Tell whether it is known which tables the proxy has, and none is on its way.

        Envoy drops the virtual hosts of a table that it does not have yet.
        """
        return TypeUrl.ROUTE in self.watches and self._settled((TypeUrl.ROUTE,), busy)

    def _push(
        self, kind: TypeUrl, busy: Mapping[TypeUrl, Watch], *, removals: bool
    ) -> Iterator[tuple[TypeUrl, Push]]:
        watch = busy.get(kind)
        if watch is None:
            return
        need = self._need(kind, watch)
        if need.met and not (watch.unanswered or watch.stuck or watch.refused):
            return
        push = watch.offer(
            need.wanted,
            removals=removals,
            spare=self.spare.get(kind, {}),
        )
        if push is None:
            return
        self.progress[kind].sent = self.revision
        if kind is TypeUrl.CLUSTER:
            self._replaced(push.upsert.keys())
        yield kind, push

    def _replaced(self, clusters: Iterable[str]) -> None:
        """Have the endpoints of ``clusters`` sent once more, now or when asked for.

        Envoy drops the endpoints of a replaced cluster and, over delta, does not ask
        for them again. A new stream may even tell that it has them.
        """
        endpoints = self.watches.get(TypeUrl.ENDPOINT)
        if endpoints is None:
            self.replaced.update(clusters)
        else:
            endpoints.resend(clusters)

    def _need(self, kind: TypeUrl, watch: Watch) -> Need:
        """Return what ``watch`` lacks of the target, found out once an edition."""
        available = self.target.get(kind, NO_RESOURCES)
        known = self.needs.get(kind)
        if known and known.available is available and known.edition == watch.edition:
            return known
        return self._look(kind, watch)

    def _look(self, kind: TypeUrl, watch: Watch) -> Need:
        available = self.target.get(kind, NO_RESOURCES)
        wanted = self._wanted(kind, available, watch)
        watch.holds.compare(wanted)
        lacking, leftovers = watch.lacks(wanted)
        met = not lacking and not leftovers
        idle = met and not watch.busy
        need = Need(available, watch.edition, wanted, lacking, leftovers, met, idle)
        if met and watch.holds.changed and not watch.refused:
            watch.holds.become(wanted)
        self.needs[kind] = need
        return need

    def _wanted(
        self, kind: TypeUrl, available: Mapping[str, str], watch: Watch
    ) -> Mapping[str, str]:
        if kind is TypeUrl.VIRTUAL_HOST:
            return self.differences.below(self.tables, available)
        if watch.names is None:
            return available
        absent = EMPTY if kind is TypeUrl.ENDPOINT else ""
        return self.differences.among(watch.names, available, absent)

    def _settled(self, kinds: Iterable[TypeUrl], busy: Mapping[TypeUrl, Watch]) -> bool:
        """Tell whether nothing of ``kinds`` is in flight or still to be sent."""
        for kind in kinds:
            watch = busy.get(kind)
            if watch is None:
                continue
            if watch.flight is not None or self._need(kind, watch).lacking:
                return False
        return True

    def _refused(self) -> bool:
        """Tell whether the proxy keeps an older listener or route than it should.

        That one may still send traffic to a cluster which the target no longer holds.
        """
        watches = (self.watches.get(kind) for kind in REFERRERS)
        return any(watch is not None and watch.refused for watch in watches)

    def _note(self, kind: TypeUrl, *, refused: bool) -> None:
        if refused:
            self.progress[kind].refused = self.progress[kind].sent

    def _advance(self, busy: Mapping[TypeUrl, Watch]) -> None:
        """Every type that has nothing left to do holds the revision aimed at.

        That includes types the revision did not touch: a change a proxy needs nothing
        of must not leave it looking late.
        """
        revision = lowest = self.revision
        for kind, progress in self.progress.items():
            if kind not in busy or self._arrived(kind, busy[kind]):
                progress.acked = progress.sent = revision
            elif progress.acked < lowest:
                lowest = progress.acked
        whole = all(kind in self.progress for kind in WILDCARD)
        self.acked = lowest if whole else 0

    def _arrived(self, kind: TypeUrl, watch: Watch) -> bool:
        if watch.flight is not None or watch.stuck:
            return False
        need = self._need(kind, watch)
        if need.lacking:
            return False
        return not need.leftovers or self._refused()
