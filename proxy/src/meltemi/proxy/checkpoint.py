"""The last configuration that Envoy took, kept so that it can be given again.

Only the envelope of the incremental protocol is read: type, name, version, nonce.
What the resources mean is between Pilot and Envoy. No I/O.

Source:
    Envoy's xDS protocol page, "Incremental xDS".

"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from meltemi.kernel.errors import Blame, MeshError
from meltemi.xds.types import TypeUrl
from meltemi.xds.watch import REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envoy.service.discovery.v3.discovery_pb2 import (
        DeltaDiscoveryRequest,
        DeltaDiscoveryResponse,
    )

MAGIC = b"meltemi-checkpoint 1\n"
CHECKSUM_BYTES = 32
UNANSWERED_LIMIT = 256
"""Responses remembered until Envoy answers them; it answers each, in order."""

EVERYTHING = "*"

Resources = dict[str, bytes]
"""Serialised ``Resource`` messages of one type, by name: version and body in one."""


class CorruptCheckpointError(MeshError):
    """Bytes are not a checkpoint that was written whole. They must not be used."""

    code = "agent.checkpoint-corrupt"
    blame = Blame.PEER


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one proxy holds, by type URL. ``node`` is the id it was given to."""

    node: str
    types: dict[str, Resources]


def encode(checkpoint: Checkpoint) -> bytes:
    """Return the file's content: a magic line, a checksum, the checkpoint."""
    return summed(MAGIC, msgspec.msgpack.encode(checkpoint, order="deterministic"))


def decode(raw: bytes) -> Checkpoint:
    """Read what `encode` wrote.

    Raises:
        CorruptCheckpointError: If one bit is not as it was written.

    """
    body = checked(MAGIC, raw)
    try:
        return msgspec.msgpack.decode(body, type=Checkpoint)
    except msgspec.DecodeError as error:
        raise CorruptCheckpointError(f"not a checkpoint: {error}") from error


def summed(magic: bytes, body: bytes) -> bytes:
    """Return ``body`` behind a magic line and its checksum."""
    return magic + _checksum(body) + body


def checked(magic: bytes, raw: bytes) -> bytes:
    """Return the body that `summed` was given.

    Raises:
        CorruptCheckpointError: If one bit is not as it was written.

    """
    start = len(magic) + CHECKSUM_BYTES
    body = raw[start:]
    if raw[:start] != magic + _checksum(body):
        raise CorruptCheckpointError(
            f"the checksum of {len(raw)} bytes does not match: torn or flipped"
        )
    return body


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=CHECKSUM_BYTES).digest()


@dataclass(slots=True)
class Subscription:
    """What Envoy wants of one type, as told on one stream.

    Attributes:
        everything: A wildcard subscription, as for clusters and listeners.
        names: What it named.
        had: Names it held when the stream began.
        begun: An answer of this stream was taken.

    """

    everything: bool
    had: frozenset[str]
    names: set[str] = field(default_factory=set)
    begun: bool = False

    @classmethod
    def of(cls, request: DeltaDiscoveryRequest) -> Subscription:
        """Read the first request of a type: naming nothing asks for everything."""
        named = set(request.resource_names_subscribe)
        return cls(
            everything=not named or EVERYTHING in named,
            had=frozenset(request.initial_resource_versions),
        )

    def change(self, request: DeltaDiscoveryRequest) -> list[str]:
        """Take a request's changes; return the names that are new."""
        asked = [n for n in request.resource_names_subscribe if n != EVERYTHING]
        self.names |= set(asked)
        self.names -= set(request.resource_names_unsubscribe)
        return asked


class Recorder:
    """Follows one proxy's streams and knows what it has acknowledged."""

    def __init__(self, node: str, held: Mapping[str, Resources]) -> None:
        self._node = node
        self._held = {url: dict(resources) for url, resources in held.items()}
        self._subscriptions: dict[str, Subscription] = {}
        self._refused: dict[str, set[str]] = {}
        self._unanswered: deque[DeltaDiscoveryResponse] = deque(maxlen=UNANSWERED_LIMIT)
        self.floor = ""
        """How new the newest is that Envoy was sent, in a Pilot's words; empty: it was
        sent nothing. The next Pilot must be as far (`meltemi.xds.floor`)."""

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to give."""
        return not any(self._held.values())

    def begin(self) -> None:
        """Start on a new stream: nothing is subscribed, no answer is outstanding."""
        self._subscriptions.clear()
        self._unanswered.clear()

    def sent(self, response: DeltaDiscoveryResponse) -> None:
        """Pilot said ``response``; whether Envoy takes it is open."""
        self._unanswered.append(response)
        self.floor = response.system_version_info or self.floor

    def retold(self, request: DeltaDiscoveryRequest) -> DeltaDiscoveryRequest | None:
        """Return ``request`` as the next Pilot needs it, if Envoy's words mislead.

        Envoy tells a new stream the versions it accepted, and not that it may be
        warming clusters which it refused; while it does, it answers nothing of them.
        The next Pilot is told which. Call it before `heard`.
        """
        url = request.type_url
        if url != TypeUrl.CLUSTER or url in self._subscriptions:
            return None
        if not self._refused.get(url):
            return None
        told = type(request)()
        told.CopyFrom(request)
        for name in self._refused[url]:
            told.initial_resource_versions[name] = REFUSED
        return told

    def heard(self, request: DeltaDiscoveryRequest) -> bool:
        """Envoy said ``request``. Return whether what it holds has changed."""
        url = request.type_url
        if url not in self._subscriptions:
            self._subscriptions[url] = Subscription.of(request)
        self._subscriptions[url].change(request)
        answered = self._answered(request)
        if answered is None:
            return False
        refused = self._refused.setdefault(url, set())
        if request.HasField("error_detail"):
            refused |= {resource.name for resource in answered.resources}
            return False
        refused -= {resource.name for resource in answered.resources}
        refused -= set(answered.removed_resources)
        self._take(answered)
        return True

    def _answered(
        self, request: DeltaDiscoveryRequest
    ) -> DeltaDiscoveryResponse | None:
        """Return what ``request`` answers; two types may use one nonce."""
        said = (request.type_url, request.response_nonce)
        for response in self._unanswered:
            if said[1] and (response.type_url, response.nonce) == said:
                self._unanswered.remove(response)
                return response
        return None

    def _take(self, response: DeltaDiscoveryResponse) -> None:
        held = self._held.setdefault(response.type_url, {})
        subscription = self._subscriptions.get(response.type_url)
        if subscription and subscription.everything and not subscription.begun:
            # Envoy told what it had: the rest went while nobody was listening.
            for name in held.keys() - subscription.had:
                del held[name]
        if subscription:
            subscription.begun = True
        for resource in response.resources:
            held[resource.name] = resource.SerializeToString(deterministic=True)
        for name in response.removed_resources:
            held.pop(name, None)

    def held(self, url: str) -> Resources:
        """Return what Envoy acknowledged last of the type ``url``, by name."""
        return self._held.get(url, {})

    def correct(self, url: str, held: Resources) -> None:
        """Take ``held`` for what Envoy acknowledged last of the type ``url``."""
        self._held[url] = held

    def checkpoint(self) -> Checkpoint:
        """Return what Envoy holds and still wants."""
        return Checkpoint(
            self._node,
            {url: self._wanted(url, held) for url, held in self._held.items()},
        )

    def durable(self) -> Checkpoint:
        """Return what of that may be written down: no secrets, which stay in memory."""
        found = self.checkpoint()
        kept = {url: each for url, each in found.types.items() if url != TypeUrl.SECRET}
        return Checkpoint(found.node, kept)

    def _wanted(self, url: str, held: Resources) -> Resources:
        subscription = self._subscriptions.get(url)
        if subscription is None or subscription.everything:
            return dict(held)
        return {name: held[name] for name in sorted(held.keys() & subscription.names)}
