"""A part of the local mesh: one process (and its children) that is started alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stage(IntEnum):
    """Parts of one stage start together, once those before are ready."""

    NETWORK = -1
    """The pods, which other parts are in."""
    SERVERS = 0
    AUTHORITY = 1
    """Citadel, of whom Pilots have their certificates."""
    SERVICES = 2
    PROXIES = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a part's first certificate is for."""

    namespace: str
    service_account: str


@dataclass(frozen=True, slots=True)
class Part:
    """What to run, where it listens, and how it shows that it is ready."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    addresses: Mapping[str, str]
    ready: str
    """``http://…`` that answers 200, or ``tcp://HOST:PORT`` that accepts."""
    version: str
    stage: Stage
    pod: str = ""
    """The pod that it is in; empty: none."""
    identity: Identity | None = None
    """Set for a Pilot and a proxy: each needs a workload token in its token file."""
