"""How much one proxy may ask of a Pilot: over it, its own stream ends (threat T11).

::

    message ≤ 4 MiB, also unpacked ─▶ node id, metadata ─▶ names ─▶ pace ─▶ session
    gRPC                              InvalidNode          TooMuch  waits

Whoever asks for too much must not cost the others anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from meltemi.kernel.errors import Blame, MeshError
from meltemi.pilot.scope.node import InvalidNodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from envoy.config.core.v3.base_pb2 import Node
    from google.protobuf.struct_pb2 import Struct, Value

MESSAGE_BYTES: Final = 4 << 20
"""Of one request. Envoy's largest tells the versions of some 30,000 resources."""

NODE_ID_BYTES: Final = 1 << 10
"""A type, an address, and two DNS names of 253 characters fit."""

METADATA_BYTES: Final = 64 << 10
METADATA_DEPTH: Final = 16

STRANGE_NAMES: Final = 10_000
"""Names of one type, beside as many as there are."""

STREAMS: Final = 6
"""Of one certificate at a time: configuration, trust, names, and what these replace."""

MESSAGES_PER_SECOND: Final = 100.0
MESSAGES_AT_ONCE: Final = 1_000.0

REFUSALS_PER_SECOND: Final = 2.0
REFUSALS_AT_ONCE: Final = 64.0
"""To find three bad resources of a thousand takes sixty (reliability F-29). Who goes on
refuses everything, and each answer makes work for all."""

FLOOR_SECONDS: Final = 0.7
"""For which a Pilot may be behind a proxy that comes. The agent takes one for serving
that has not refused in a second."""

FIRST_WORD_SECONDS: Final = 30.0
"""How long a stream may say nothing at its start."""


class TooMuchError(MeshError):
    """A proxy asks for more than anybody may."""

    code = "xds.too-much"
    blame = Blame.CALLER


def check_node(node: Node) -> None:
    """Make sure that a node message is not larger than any proxy needs.

    Raises:
        InvalidNodeError: If its id or its metadata is too long, or that too deep.

    """
    length = len(node.id.encode())
    if length > NODE_ID_BYTES:
        raise InvalidNodeError(f"node id has {length} bytes, at most {NODE_ID_BYTES}")
    size = node.metadata.ByteSize()
    if size > METADATA_BYTES:
        raise InvalidNodeError(
            f"node metadata has {size} bytes, at most {METADATA_BYTES}"
        )
    if _deeper(node.metadata, METADATA_DEPTH):
        raise InvalidNodeError(
            f"node metadata is nested deeper than {METADATA_DEPTH} levels"
        )


def _deeper(metadata: Struct, limit: int) -> bool:
    level = list(metadata.fields.values())
    for _ in range(limit):
        level = [below for each in level for below in _below(each)]
    return bool(level)


def _below(value: Value) -> Iterator[Value]:
    if value.HasField("struct_value"):
        yield from value.struct_value.fields.values()
    elif value.HasField("list_value"):
        yield from value.list_value.values


def check_names(named: int, there: int) -> None:
    """Make sure that ``named`` names are not many more than there are resources.

    Raises:
        TooMuchError: If they are.

    """
    if named > there + STRANGE_NAMES:
        raise TooMuchError(
            f"{named} names of one type, where there are {there} resources: at most "
            f"{STRANGE_NAMES} more"
        )


class Places:
    """The places of each caller. Who wants one more loses the oldest.

    So a proxy whose last streams hang half-open is served at once, and somebody who
    floods takes the places of its own streams only.
    """

    def __init__(self, most: int = STREAMS) -> None:
        self._most = most
        self._taken: dict[Hashable, list[asyncio.Event]] = {}

    @contextlib.contextmanager
    def place(self, caller: Hashable) -> Iterator[asyncio.Event]:
        """Take a place while the context lasts; yield what is set when it is lost."""
        lost = asyncio.Event()
        taken = self._taken.setdefault(caller, [])
        taken.append(lost)
        if len(taken) > self._most:
            taken.pop(0).set()
        try:
            yield lost
        finally:
            if lost in taken:
                taken.remove(lost)
            if not taken:
                self._taken.pop(caller, None)


async def until_lost(lost: asyncio.Event) -> TooMuchError:
    """Wait until a place is lost; return why."""
    await lost.wait()
    return TooMuchError(f"more than {STREAMS} streams with one certificate")


class Pace:
    """How long what follows a message of a stream has to wait, in seconds."""

    def __init__(
        self,
        now: Callable[[], float],
        at_once: float = MESSAGES_AT_ONCE,
        per_second: float = MESSAGES_PER_SECOND,
    ) -> None:
        self._now, self._most, self._per_second = now, at_once, per_second
        self._left, self._since = at_once, now()

    def wait(self) -> float:
        """Count a message; return how long to let the next wait."""
        now = self._now()
        more = (now - self._since) * self._per_second
        self._left, self._since = min(self._left + more, self._most) - 1, now
        return max(-self._left / self._per_second, 0.0)
