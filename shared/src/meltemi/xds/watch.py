"""One resource type on one stream: a state machine without I/O.

request ──▶ subscribe / settle          offer ──▶ Push
│                        ▲
▼                        │
holds · refused · doubt · again ──────┘   at most one Push in flight
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.xds.differences import Difference, Differences
from meltemi.xds.held import Held

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

WHOLE = 1 << 30
"""A batch no snapshot outgrows."""

REFUSED: Final = "refused"
"""Told by an agent as the version of a cluster that its Envoy may be warming still."""

FEW: Final = 64
"""So many changed clusters go one by one to an Envoy that runs.

Of a response with a bad and a good one it waits for the bad one to warm, and never
answers (seen with Envoy 1.40).
"""

NOTHING: Final[Mapping[str, Container[str]]] = MappingProxyType({})
NO_VERSIONS: Final[Mapping[str, str]] = MappingProxyType({})
NONE: Final = frozenset[str]()


class Push(NamedTuple):
    """A response on its way: name to version for what to add, and what to remove."""

    nonce: str
    upsert: Mapping[str, str]
    remove: frozenset[str]
    whole: Mapping[str, str] | None = None
    """All that the proxy holds once it has taken this, where that is known."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version the proxy will not take, and its own words why."""

    version: str
    message: str


@dataclass(slots=True)
class Watch:
    """What one proxy holds of one type, as far as it has told us.

    It never awaits, logs or reads a clock, so a test can drive any interleaving.

    Envoy keeps the good resources of a refused batch and does not say which they are
    (envoyproxy/envoy#32880). So a refused batch leaves its names in doubt. Where
    Envoy's words name culprits they are taken at their word; otherwise the batch is
    halved until the culprit stands alone.

    Envoy also goes on warming a cluster that it refused, and answers no later response
    of that type before it is rid of it. So a refused resource is put back to the
    version before. Where that cannot be sent any more, a cluster is taken away; of
    other types Envoy goes on using the version before by itself.

    Attributes:
        names: What the proxy asked for by name, interned; None when it wants
            everything.
        unanswered: Whether it awaits a first response, if only an empty one: Envoy
            starts no listener before its clusters are told.
        warms: Whether what it refused is in its way, as clusters are.
        holds: Version by name of what it has acknowledged.
        refused: What it refused, standing alone, until another version comes.
        doubt: Names it may or may not hold: to be sent or removed again.
        again: Names to send once more although held (a cluster was replaced).
        stuck: Name of what was refused, to the version to put back; "" takes it away.
        batch: How many resources the next response may carry.
        flight: The response the proxy has not answered yet.

    """

    names: frozenset[str] | None = None
    unanswered: bool = False
    warms: bool = False
    holds: Held = field(default_factory=Held)
    refused: dict[str, Refusal] = field(default_factory=dict[str, Refusal])
    doubt: set[str] = field(default_factory=set[str])
    again: set[str] = field(default_factory=set[str])
    stuck: dict[str, str] = field(default_factory=dict[str, str])
    batch: int = WHOLE
    flight: Push | None = None
    pushes: int = 0
    edition: int = 0
    """Counts what has happened: at one edition one target has one answer."""
    found: tuple[Mapping[str, str], int, Difference] | None = None
    """Of which target, and at which edition, what was lacking last."""
    differences: Differences = field(default_factory=Differences, repr=False)

    @property
    def named(self) -> int:
        """How many names it keeps account of because the proxy said them."""
        return max(len(self.names or ()), len(self.doubt))

    @property
    def busy(self) -> bool:
        """Whether there is more to do than what it lacks of its target."""
        return bool(
            self.flight or self.unanswered or self.stuck or self.refused or self.again
        )

    def resume(self, names: frozenset[str], holds: Mapping[str, str]) -> None:
        """Begin as the watch of a proxy that wants ``names`` and has ``holds`` yet."""
        self.edition += 1
        if self.names is not None:
            self.names = self.differences.interned(names)
        self.holds.put(holds)
        self.doubt.update(names.difference(holds))

    def subscribe(self, names: Iterable[str]) -> None:
        """Add ``names`` to what the proxy wants; each will be answered, even if absent.

        A name it already holds is answered again: the delta protocol says that a
        repeated subscription asks for a fresh copy.
        """
        wanted = frozenset(names)
        if not wanted:
            return
        self.edition += 1
        if self.names is not None:
            self.names = self.differences.interned(self.names | wanted)
        known = {name for name in wanted if name in self.holds} if self.holds else NONE
        self.again |= known
        self.doubt |= wanted - known

    def unsubscribe(self, names: Iterable[str]) -> None:
        """Forget ``names``: the proxy has dropped them by itself."""
        dropped = frozenset(names)
        if not dropped:
            return
        self.edition += 1
        if self.names is not None:
            self.names = self.differences.interned(self.names - dropped)
        if self.flight is not None:
            self.flight = self.flight._replace(whole=None)
        for name in dropped:
            self._forget(name)
            self.doubt.discard(name)
            self.refused.pop(name, None)

    def resend(self, names: Iterable[str]) -> None:
        """Send ``names`` once more, if the proxy holds or is about to hold them."""
        if not self.holds and not self.flight:
            return
        self.edition += 1
        flying = self.flight.upsert.keys() if self.flight else NONE
        self.again |= {name for name in names if name in self.holds or name in flying}

    def lacks(self, target: Mapping[str, str]) -> Difference:
        """Return what the proxy lacks of ``target``, in name order within a layer.

        What is ``gone`` of it the proxy has, or may have, and ``target`` does not hold.
        It is found out once for a target at an edition.
        """
        found = self.found
        if found is None or found[0] is not target or found[1] != self.edition:
            found = self.found = target, self.edition, self._compared(target)
        return found[2]

    def _compared(self, target: Mapping[str, str]) -> Difference:
        holds = self.holds
        plain = self.differences.between(holds.base, target)
        if not (holds.changed or self.again or self.refused or self.doubt):
            return plain
        return Difference(self._lacking(plain, target), self._gone(plain, target))

    def _lacking(
        self, plain: Difference, target: Mapping[str, str]
    ) -> Mapping[str, str]:
        again, holds = self.again, self.holds
        if not (again or holds.changed or self.refused):
            return plain.lacking
        names = {*plain.lacking, *holds.changed, *again}
        return {
            name: version
            for name in sorted(names)
            if (version := target.get(name)) is not None
            and (holds.get(name) != version or name in again)
            and not self._refuses(name, version)
        }

    def _gone(self, plain: Difference, target: Mapping[str, str]) -> frozenset[str]:
        changed = self.holds.changed
        if not (changed or self.doubt):
            return plain.gone
        held = (name for name in {*plain.gone, *changed} if name in self.holds)
        gone = frozenset(name for name in held if name not in target)
        return gone | self.doubt.difference(target)

    def offer(
        self,
        target: Mapping[str, str],
        *,
        removals: bool = True,
        spare: Mapping[str, Container[str]] = NOTHING,
    ) -> Push | None:
        """Return a new response that takes the proxy towards ``target``, if one is due.

        While a response is in flight there is never another: a slow proxy costs O(1)
        memory.

        Args:
            target: Version by name of what the proxy shall hold.
            removals: Whether something may be taken away yet.
            spare: Older versions by name that can still be sent.

        """
        if self.flight is not None:
            return None
        self._forgive(target)
        upsert, remove = self._cures(target, spare)
        whole = None
        if not upsert and not remove:
            upsert, remove, whole = self._next(target, removals=removals)
        self.edition += 1
        if not upsert and not remove and not self.unanswered:
            return None
        self.unanswered = False
        self.pushes += 1
        if self.again:
            self.again.difference_update(upsert)
        self.flight = Push(str(self.pushes), upsert, remove, whole)
        return self.flight

    def _next(
        self, target: Mapping[str, str], *, removals: bool
    ) -> tuple[Mapping[str, str], frozenset[str], Mapping[str, str] | None]:
        """Return what to send and to remove, and ``target`` if that is all of it."""
        wanted, leftovers = self.lacks(target)
        alone = self.warms and self.holds and len(wanted) <= FEW
        most = 1 if alone else self.batch
        upsert = wanted
        if len(wanted) > most:
            upsert = dict(islice(wanted.items(), most))
        done = upsert is wanted and not self.refused and (removals or not leftovers)
        return upsert, leftovers if removals else NONE, target if done else None

    def _cures(
        self, target: Mapping[str, str], spare: Mapping[str, Container[str]]
    ) -> tuple[Mapping[str, str], frozenset[str]]:
        """Return what frees the proxy of what it refused: to send, and to remove.

        They travel alone. Beside a bad cluster Envoy takes no cure of another.
        """
        if not self.stuck:
            return NO_VERSIONS, NONE
        stuck, self.stuck = self.stuck, {}
        upsert: dict[str, str] = {}
        remove: set[str] = set()
        for name, version in stuck.items():
            known = version == target.get(name) or version in spare.get(name, ())
            if version and known:
                upsert[name] = version
            elif self.warms or not version:
                remove.add(name)
        return upsert, frozenset(remove)

    def settle(self, nonce: str, *, error: str | None = None) -> bool:
        """Take the proxy's word on the response in flight; tell whether it was that.

        Answers to older responses change nothing.
        """
        if self.flight is None or nonce != self.flight.nonce:
            return False
        self.edition += 1
        flight, self.flight = self.flight, None
        if error is None or not flight.upsert:
            self._accept(flight)
        else:
            self._refuse(flight, error)
        return True

    def _accept(self, flight: Push) -> None:
        if self.doubt:
            self.doubt.difference_update(flight.upsert, flight.remove)
        if flight.whole is not None:
            self.holds.become(flight.whole)
            self.again -= flight.remove
        else:
            self.holds.put(flight.upsert)
            for name in flight.remove:
                self._forget(name)
        self.batch = min(self.batch * 2, WHOLE)

    def _forgive(self, target: Mapping[str, str]) -> None:
        """Forget refusals of versions that nobody wants any more."""
        for name, refusal in list(self.refused.items()):
            if target.get(name) != refusal.version:
                del self.refused[name]
                self.edition += 1

    def _refuse(self, flight: Push, error: str) -> None:
        culprits = _culprits(flight, error)
        if not culprits:
            self.batch = max(len(flight.upsert) // 2, 1)
        for name in culprits:
            self._hold_back(name, Refusal(flight.upsert[name], error))
        unsure = (flight.remove | flight.upsert.keys()) - culprits
        self.doubt |= unsure
        for name in unsure:
            self._forget(name)

    def _hold_back(self, name: str, refusal: Refusal) -> None:
        """Note that the proxy will not take a version, and what to give it instead."""
        if name in self.refused:  # it refuses what was put back, too
            self.stuck |= {name: ""} if self.warms else {}
            return
        self.refused[name] = refusal
        self.stuck[name] = self.holds.get(name, "")

    def _refuses(self, name: str, version: str) -> bool:
        refusal = self.refused.get(name)
        return refusal is not None and refusal.version == version

    def _forget(self, name: str) -> None:
        self.holds.drop(name)
        self.again.discard(name)


def _culprits(flight: Push, error: str) -> frozenset[str]:
    """Return whom ``error`` names, or the only one there is; nobody if unsure."""
    if len(flight.upsert) == 1:
        return frozenset(flight.upsert)
    return frozenset(
        name
        for name in flight.upsert
        if re.search(rf"(?<![\w|.-]){re.escape(name)}(?![\w|-]|\.\w)", error)
    )
