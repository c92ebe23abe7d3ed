"""The parts that Galley's routes work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.galley.adapters.callers import Callers
    from meltemi.galley.adapters.decoding import Decoder
    from meltemi.galley.adapters.key_keeper import KeyKeeper
    from meltemi.galley.adapters.newcomers import Newcomers
    from meltemi.galley.adapters.pilots import Pilots
    from meltemi.galley.adapters.secret_book import SecretBook
    from meltemi.galley.adapters.token_book import TokenBook
    from meltemi.galley.adapters.watching import Watches
    from meltemi.galley.audit import Audit
    from meltemi.galley.foresight import Foresight
    from meltemi.galley.metrics import Metrics
    from meltemi.galley.objects import Objects
    from meltemi.galley.reads import Reads
    from meltemi.kernel.clock import Clock


@dataclass(frozen=True)
class Galley:
    """What the routes work with."""

    reads: Reads
    objects: Objects
    watches: Watches
    decoder: Decoder
    pilots: Pilots
    newcomers: Newcomers
    foresight: Foresight
    keys: KeyKeeper
    secrets: SecretBook
    callers: Callers
    tokens: TokenBook
    audit: Audit
    metrics: Metrics
    clock: Clock
    new_uid: Callable[[], str]
    root_namespace: str = "istio-system"
