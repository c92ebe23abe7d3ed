"""From what the ledger did to what a watching client is told. Pure.

::

    Step ──▶ Feed ──▶ Event(ADDED | MODIFIED | DELETED | BOOKMARK | ERROR) ──▶ text

One revision may change several objects (a batch). A client that names that revision
when it comes back may have seen only some of them, so it is told all of them again;
a revision with one change is told once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.canonical import UnreadableObjectError, from_stored
from meltemi.galley.admit import Held
from meltemi.galley.presentation import as_json, shown
from meltemi.galley.refusals import UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.config.kinds import Kind
    from meltemi.galley.refusals import ForbiddenError
    from meltemi.galley.selector import Selection
    from meltemi.kernel.names import Revision
    from meltemi.store.ports import Mutation, Step

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"
BOOKMARK: Final = "BOOKMARK"
ERROR: Final = "ERROR"
INITIAL_END: Final = {"k8s.io/initial-events-end": "true"}
"""What marks the bookmark behind the objects that were there already."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell; ``revision`` is where to resume behind it."""

    type: str
    revision: Revision
    object: object

    def as_line(self) -> bytes:
        """Return it as Kubernetes streams it: one JSON object a line."""
        return as_json({"type": self.type, "object": self.object}) + b"\n"

    def as_sse(self) -> bytes:
        """Return it as a server-sent event (HTML Living Standard §9.2)."""
        head = f"event: {self.type}\nid: {self.revision}\ndata: "
        return head.encode() + as_json(self.object) + b"\n\n"


@dataclass(frozen=True, slots=True)
class Feed:
    """What one client wants to hear of one kind."""

    kind: Kind
    api_version: str
    selection: Selection

    def step(self, step: Step) -> Sequence[Event]:
        """Return what happened at one revision, seen through the selection."""
        return tuple(self._events(step))

    def present(self, held: Held) -> Event:
        """Return an object that is there already."""
        return Event(ADDED, held.revision, shown(held, self.api_version))

    def bookmark(self, revision: Revision, *, initial_end: bool = False) -> Event:
        """Return "nothing is missing up to ``revision``"."""
        metadata: dict[str, object] = {"resourceVersion": str(revision)}
        if initial_end:
            metadata["annotations"] = INITIAL_END
        told = {
            "apiVersion": self.api_version,
            "kind": self.kind.name,
            "metadata": metadata,
        }
        return Event(BOOKMARK, revision, told)

    def _events(self, step: Step) -> Iterator[Event]:
        for each in step.mutations:
            before = self._meant(each.previous, step.revision)
            now = self._meant(each.value, step.revision)
            if now is not None:
                word = ADDED if before is None else MODIFIED
                yield Event(word, step.revision, shown(now, self.api_version))
            elif before is not None:
                yield Event(DELETED, step.revision, shown(before, self.api_version))
            elif _is_removal(each) and self.selection.everything:
                yield self._unreadable(each, step.revision)

    def _meant(self, value: bytes | None, revision: Revision) -> Held | None:
        if value is None:
            return None
        try:
            held = Held(from_stored(value), revision)
        except UnreadableObjectError:
            return None
        return held if self.selection.selects(held.resource) else None

    def _unreadable(self, mutation: Mutation, revision: Revision) -> Event:
        """Return the removal of what cannot be shown: its name is all there is."""
        namespace, name = mutation.key.split("/")[-2:]
        told = {
            "apiVersion": self.api_version,
            "kind": self.kind.name,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "resourceVersion": str(revision),
            },
        }
        return Event(DELETED, revision, told)


def expired(revision: Revision, detail: str) -> Event:
    """Return the last word to a client whose place in the history is gone."""
    return _failure(revision, 410, "Expired", detail)


def denied(revision: Revision, error: ForbiddenError | UnauthenticatedError) -> Event:
    """Return the last word to a client that may not see this any more."""
    known = not isinstance(error, UnauthenticatedError)
    code, reason = (403, "Forbidden") if known else (401, "Unauthorized")
    return _failure(revision, code, reason, str(error))


def _failure(revision: Revision, code: int, reason: str, message: str) -> Event:
    """Return Kubernetes' word for a watch that cannot go on."""
    status = {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
    }
    return Event(ERROR, revision, status)


def _is_removal(mutation: Mutation) -> bool:
    return mutation.value is None


def is_repeat(step: Step, start: Revision) -> bool:
    """Tell whether a client that resumes at ``start`` has surely seen ``step``."""
    return step.revision == start and len(step.mutations) == 1
