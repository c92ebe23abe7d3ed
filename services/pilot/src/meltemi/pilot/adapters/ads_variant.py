"""The two ways to speak xDS, behind one face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DiscoveryRequest,
)

from meltemi.pilot import frames
from meltemi.pilot.adapters import ads_codec as codec
from meltemi.pilot.snapshot import as_version
from meltemi.xds.sotw import Whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meltemi.pilot.adapters.chunks import Chunks
    from meltemi.pilot.adapters.said_names import SaidNames, Vocabulary
    from meltemi.pilot.snapshot import Snapshot, Stored
    from meltemi.xds.session import Request, Session
    from meltemi.xds.types import TypeUrl
    from meltemi.xds.watch import Push

Message = DeltaDiscoveryRequest | DiscoveryRequest


class Variant(Protocol):
    """What differs between incremental and state-of-the-world streams."""

    def parse(self, data: bytes) -> Message:
        """Return the request that ``data`` holds; raise `MalformedRequestError`."""
        ...

    def request(self, message: Message, kind: TypeUrl) -> Request:
        """Return what ``message`` says, in incremental terms."""
        ...

    def response(
        self, kind: TypeUrl, push: Push, snapshot: Snapshot, system_version: str
    ) -> Sequence[bytes]:
        """Return the message that carries ``push``, in pieces that many share.

        ``snapshot`` has the bodies.
        """
        ...

    def answered(self, kind: TypeUrl, session: Session) -> None:
        """Take note that the proxy's message about ``kind`` was taken."""
        ...


class Delta:
    """Incremental: only what differs travels."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks

    def parse(self, data: bytes) -> Message:
        """Return a DeltaDiscoveryRequest."""
        return codec.parsed(DeltaDiscoveryRequest, data)

    def request(self, message: Message, kind: TypeUrl) -> Request:
        """Return what ``message`` says: nearly word for word."""
        assert isinstance(message, DeltaDiscoveryRequest)  # noqa: S101 - from parse
        return codec.delta_request(message, kind)

    def response(
        self, kind: TypeUrl, push: Push, snapshot: Snapshot, system_version: str
    ) -> Sequence[bytes]:
        """Return a DeltaDiscoveryResponse."""

        def find(name: str, version: str) -> Stored:
            return stored_of(snapshot, kind, name, version)

        removed = sorted(push.remove)
        head = frames.delta_response(kind, removed, system_version, push.nonce)
        return (*head, *self._chunks.delta(push.upsert, find))

    def answered(self, kind: TypeUrl, session: Session) -> None:
        """Do nothing: the session knows all there is."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """The last response of a type, and where its bodies are."""

    contents: Mapping[str, str]
    bodies: Mapping[str, Stored]
    """By name, of the snapshot it was made of."""
    older: Mapping[str, Stored]
    """By version what was in it that the snapshot did not hold."""

    def body(self, name: str, version: str) -> Stored | None:
        """Return what the response had under ``name``."""
        found = self.bodies.get(name)
        return found if found and found.version == version else self.older.get(version)


class WholeState:
    """State of the world: a response of a wildcard type holds all that shall stay."""

    def __init__(self, chunks: Chunks, vocabulary: Vocabulary) -> None:
        self._chunks, self._vocabulary = chunks, vocabulary
        self._wholes: dict[TypeUrl, Whole] = {}
        self._said: dict[TypeUrl, SaidNames] = {}
        self._saying: SaidNames | None = None
        """What the message named that was parsed last."""
        self._sent: dict[TypeUrl, _Sent] = {}
        self._good: dict[TypeUrl, _Sent] = {}
        """The last that the proxy took all of."""
        self._holds: dict[TypeUrl, Mapping[str, str]] = {}

    def parse(self, data: bytes) -> Message:
        """Return a DiscoveryRequest; its names are kept for `request`."""
        message, self._saying = self._vocabulary.read(data, self._said.values())
        return message

    def request(self, message: Message, kind: TypeUrl) -> Request:
        """Return which names were added and dropped, by the message parsed last."""
        assert self._saying is not None  # noqa: S101 - parse comes first
        whole = self._wholes.setdefault(kind, Whole(kind))
        self._said[kind] = self._saying
        return whole.request(
            self._saying.names,
            nonce=message.response_nonce,
            error=codec.error_of(message),
        )

    def response(
        self, kind: TypeUrl, push: Push, snapshot: Snapshot, system_version: str
    ) -> Sequence[bytes]:
        """Return a DiscoveryResponse; older bodies stand in for what is in doubt."""
        del system_version  # this variant has no field for it
        contents = self._wholes[kind].contents(push, self._holds.get(kind, {}))
        before = [each[kind] for each in (self._sent, self._good) if kind in each]
        older = dict[str, "Stored"]()

        def find(name: str, version: str) -> Stored:
            bodies = (each.body(name, version) for each in before)
            found = next((each for each in bodies if each), None)
            now = snapshot.resources[kind].get(name)
            if now is None or now.version != version:
                found = found or stored_of(snapshot, kind, name, version)
                return older.setdefault(version, found)
            return now

        body = self._chunks.whole(contents, find)
        self._sent[kind] = _Sent(contents, snapshot.resources[kind], older)
        version = self._chunks.version(contents)
        return (*frames.whole_response(kind, version, push.nonce), *body)

    def answered(self, kind: TypeUrl, session: Session) -> None:
        """Remember what the proxy holds, as it is the base of the next response."""
        watch, sent = session.watches[kind], self._sent.get(kind)
        self._holds[kind] = watch.holds
        if watch.flight is None and not watch.doubt:
            self._wholes[kind].accept(sent.contents if sent else {})
            if sent:
                self._good[kind] = sent


def stored_of(snapshot: Snapshot, kind: TypeUrl, name: str, version: str) -> Stored:
    """Return a resource at ``version``.

    Raises:
        KeyError: If ``snapshot`` does not hold it: an invariant of ours broke.

    """
    stored = snapshot.resources[kind].get(name)
    if stored is not None and stored.version == version:
        return stored
    retired = snapshot.retired.get(kind, {}).get(name, {}).get(version)
    if retired is not None:
        return retired
    empty = codec.empty_body(kind, name, version)
    if empty is None:
        raise KeyError(f"{kind.short} {name} at {version} is not in the snapshot")
    return as_version(kind, name, empty, version)
