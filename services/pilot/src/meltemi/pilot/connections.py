"""Who is connected, and what each proxy holds: the answer to "did it arrive?"."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from meltemi.pilot.scope.proxy import ProxyClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from meltemi.kernel.clock import Clock
    from meltemi.pilot.ir import Origin
    from meltemi.pilot.scope.proxy import Proxy
    from meltemi.pilot.snapshot import Snapshot
    from meltemi.xds.session import Session
    from meltemi.xds.types import TypeUrl

REVISIONS_KEPT = 32
"""For how many recent revisions the time of arrival is known."""

LEFT_SECONDS = 300.0
"""How long a proxy that left is still shown."""

SOURCES = ("ServiceEntry", "WorkloadEntry")
"""Kinds that say what there is; a refusal is more often about a rule for it."""


class TypeRow(TypedDict):
    """How far one type of one proxy has come; revisions as strings, "" for none."""

    sent: str
    acked: str
    refused: str | None
    error: str | None


class ProxyRow(TypedDict):
    """One proxy, as the API shows it."""

    proxy: str
    pilot: str
    connected: bool
    revision: str
    types: Mapping[str, TypeRow]
    acked_at: Mapping[str, str]
    connected_at: str
    sent_bytes: int


class PresenceRow(TypedDict):
    """Who is connected, and whose last stream ended in the last minutes."""

    connected: list[str]
    left: list[str]


class RefusalRow(TypedDict):
    """One resource that one proxy would not take, and whose line made it."""

    proxy: str
    type: str
    resource: str
    object: str
    path: str
    message: str


@dataclass(slots=True)
class Connection:
    """One stream of one proxy."""

    proxy: Proxy
    session: Session
    acked_at: OrderedDict[int, datetime] = field(default_factory=OrderedDict)
    sent_bytes: int = 0
    connected_at: str = ""
    """When the stream began, RFC 3339, UTC."""
    snapshot: Snapshot | None = None
    arrived: int = 0
    """The revision up to which it was counted how long each took."""
    proved: bool = False
    """Whether the stream's caller proved to be who the node says."""

    def note_progress(self, clock: Clock) -> None:
        """Remember when the newest acknowledged revision was reached."""
        acked = self.session.acked
        if acked and acked not in self.acked_at:
            self.acked_at[acked] = clock.now()
            while len(self.acked_at) > REVISIONS_KEPT:
                self.acked_at.popitem(last=False)

    def refusals(self) -> Iterator[RefusalRow]:
        """Yield what the proxy refuses, or cannot be given, of what it should hold."""
        for origin, problem in (self.snapshot.unmade if self.snapshot else {}).items():
            yield RefusalRow(
                proxy=self.proxy.name,
                type=origin.kind,
                resource=origin.path,
                object=origin.subject,
                path=origin.path,
                message=problem,
            )
        for kind, watch in self.session.watches.items():
            for resource, refusal in sorted(watch.refused.items()):
                for origin in self._blamed(kind, resource, refusal.version):
                    yield RefusalRow(
                        proxy=self.proxy.name,
                        type=kind.short,
                        resource=resource,
                        object=origin.subject,
                        path=origin.path,
                        message=refusal.message,
                    )

    def _blamed(self, kind: TypeUrl, resource: str, version: str) -> tuple[Origin, ...]:
        """Return the objects behind a refused resource; rules before what they rule."""
        if self.snapshot is None:
            return ()
        every = self.snapshot.origins(kind, resource, version)
        return tuple(each for each in every if each.kind not in SOURCES) or every


class Connections:
    """All streams of one Pilot, and for a while those that ended."""

    def __init__(self, pilot: str, clock: Clock) -> None:
        self._pilot, self._clock = pilot, clock
        self._open: dict[str, list[Connection]] = {}
        self._groups = Counter[ProxyClass]()
        self._left: dict[str, tuple[float, ProxyRow]] = {}

    def joined(self, connection: Connection) -> None:
        """Note a new stream; the newest of a proxy is the one that is shown."""
        name = connection.proxy.name
        connection.connected_at = written(self._clock.now())
        self._open.setdefault(name, []).append(connection)
        self._groups[connection.proxy.group] += 1
        self._left.pop(name, None)

    def progressed(self, connection: Connection) -> None:
        """Note how far ``connection`` has come."""
        connection.note_progress(self._clock)

    def moved(self, connection: Connection, proxy: Proxy) -> bool:
        """Note that its class is ``proxy``'s; tell whether the one before is empty."""
        before, connection.proxy = connection.proxy.group, proxy
        self._groups[proxy.group] += 1
        return self._without(before)

    def left(self, connection: Connection) -> bool:
        """Note the end of a stream; tell whether it was the last of its class."""
        name = connection.proxy.name
        streams = self._open[name]
        streams.remove(connection)
        if not streams:
            del self._open[name]
            row = self._row(connection, connected=False)
            self._left[name] = (self._clock.monotonic(), row)
        return self._without(connection.proxy.group)

    def _without(self, group: ProxyClass) -> bool:
        """Count one less in ``group``; tell whether it was the last."""
        self._groups[group] -= 1
        if self._groups[group]:
            return False
        del self._groups[group]
        return True

    def all(self) -> Iterator[Connection]:
        """Yield every open stream."""
        for streams in self._open.values():
            yield from streams

    def presence(self) -> PresenceRow:
        """Return who is there and who left, by name: less than `rows` tell, often."""
        self._forget()
        return PresenceRow(connected=[*self._open], left=[*self._left])

    def _forget(self) -> None:
        oldest = self._clock.monotonic() - LEFT_SECONDS
        self._left = {
            name: kept for name, kept in self._left.items() if kept[0] >= oldest
        }

    def rows(self) -> list[ProxyRow]:
        """Return one row a proxy, by name."""
        self._forget()
        rows = [
            self._row(streams[-1], connected=True) for streams in self._open.values()
        ]
        rows += [row for _, row in self._left.values()]
        return sorted(rows, key=lambda row: row["proxy"])

    def refusals(self) -> list[RefusalRow]:
        """Return what the connected proxies refuse."""
        return [row for each in self.all() for row in each.refusals()]

    def _row(self, connection: Connection, *, connected: bool) -> ProxyRow:
        session = connection.session
        return ProxyRow(
            proxy=connection.proxy.name,
            pilot=self._pilot,
            connected=connected,
            revision=_revision(session.acked),
            types={kind.short: _type_row(session, kind) for kind in session.watches},
            acked_at={f"{at}": written(it) for at, it in connection.acked_at.items()},
            connected_at=connection.connected_at,
            sent_bytes=connection.sent_bytes,
        )


def written(time: datetime) -> str:
    """Return a UTC time in RFC 3339, with microseconds."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _type_row(session: Session, kind: TypeUrl) -> TypeRow:
    progress, watch = session.progress[kind], session.watches[kind]
    messages = [refusal.message for _, refusal in sorted(watch.refused.items())]
    return TypeRow(
        sent=_revision(progress.sent),
        acked=_revision(progress.acked),
        refused=_revision(progress.refused) if messages else None,
        error="; ".join(messages) or None,
    )


def _revision(number: int) -> str:
    return str(number) if number else ""
