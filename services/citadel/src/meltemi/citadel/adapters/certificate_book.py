"""The certificates that are out, in the ledger and in memory.

::

    Office ──▶ note ──▶ batches ──▶ ledger ──▶ followed by every replica ──▶ picture
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from meltemi.citadel.records import CertificateRecord
from meltemi.kernel.errors import MeshError
from meltemi.store.ports import Write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

    from meltemi.citadel.key_index import KeyIndex
    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import LedgerWriter

FLUSH_SECONDS = 0.25
SWEEP_SECONDS = 60.0
A_COMMIT = 100
MOST_WAITING = 20_000
"""Records that wait while the ledger is away; the oldest go first."""
ENDINGS = {"1h": 3600, "6h": 6 * 3600, "24h": 24 * 3600, "inf": float("inf")}


def certificates_prefix(mesh: str) -> str:
    """Return where the records of ``mesh`` lie in the ledger, by serial number."""
    return f"/mesh/citadel/v1/{mesh}/certs/"


class CertificateBook(Collector):
    """What every replica knows of every certificate. A `Follower` of the ledger."""

    def __init__(
        self, ledger: LedgerWriter, mesh: str, keys: KeyIndex, clock: Clock
    ) -> None:
        self._ledger, self._clock, self._keys = ledger, clock, keys
        self._prefix = certificates_prefix(mesh)
        self._waiting: deque[CertificateRecord] = deque(maxlen=MOST_WAITING)
        self._known: dict[str, CertificateRecord] = {}

    def register(self, registry: CollectorRegistry) -> None:
        """Be counted in ``registry``."""
        registry.register(self)

    def note(self, record: CertificateRecord) -> None:
        """Take a certificate that goes out; the ledger has it a moment later."""
        self._know(record)
        self._waiting.append(record)

    def all(self) -> Sequence[CertificateRecord]:
        """Return the certificates that have not ended, newest first."""
        now = self._clock.now()
        living = (each for each in self._known.values() if each.not_after > now)
        return sorted(living, key=lambda each: each.issued, reverse=True)

    def living(self, issuer_key: str) -> int:
        """Return how many have not ended of those that a key signed."""
        now = self._clock.now()
        return sum(
            each.issuer_key == issuer_key and each.not_after > now
            for each in self._known.values()
        )

    def find(self, serial: str) -> CertificateRecord | None:
        """Return the certificate of a serial number, if it is known."""
        return self._known.get(serial)

    def replace(self, found: Mapping[str, bytes]) -> None:
        """Hold ``found``, and what still waits for the ledger."""
        self._known = {}
        for serial, raw in found.items():
            self.change(serial, raw)
        for each in self._waiting:
            self._know(each)

    def change(self, key: str, value: bytes | None) -> None:
        """Take one change of the ledger; what cannot be read is left out."""
        if value is None:
            self._known.pop(key, None)
            return
        with contextlib.suppress(msgspec.DecodeError):
            self._know(msgspec.json.decode(value, type=CertificateRecord))

    def _know(self, record: CertificateRecord) -> None:
        self._known[record.serial] = record
        self._keys.note(record.key_sha256, record.identity, record.issued)

    async def tend(self) -> None:
        """Give the ledger what waits, until cancelled; once a minute take away."""
        swept = self._clock.monotonic()
        while True:
            with contextlib.suppress(MeshError):  # what waits goes on to wait
                await self._flush()
                if self._clock.monotonic() - swept >= SWEEP_SECONDS:
                    swept = self._clock.monotonic()
                    await self.sweep(self._clock.now())
            await asyncio.sleep(FLUSH_SECONDS)

    async def _flush(self) -> None:
        while self._waiting:
            batch = list(islice(self._waiting, A_COMMIT))
            await self._ledger.commit([self._write(each) for each in batch])
            for each in batch:
                if self._waiting and self._waiting[0] is each:
                    self._waiting.popleft()

    def _write(self, record: CertificateRecord) -> Write:
        return Write(self._prefix + record.serial, msgspec.json.encode(record))

    async def sweep(self, now: datetime) -> None:
        """Forget what may be forgotten. That several replicas do it does no harm."""
        ended = [key for key, each in self._known.items() if each.keep_until <= now]
        for at in range(0, len(ended), A_COMMIT):
            batch = ended[at : at + A_COMMIT]
            await self._ledger.commit(
                [Write(self._prefix + key, None) for key in batch]
            )

    def collect(self) -> Iterator[Metric]:
        """Yield how many certificates are out, by issuer and by when they end."""
        now = self._clock.now()
        counts: Counter[tuple[str, str, str]] = Counter()
        for each in self._known.values():
            left = (each.not_after - now).total_seconds()
            for name, seconds in ENDINGS.items() if left > 0 else ():
                counts[each.issuer, each.issuer_key, name] += left <= seconds
        family = GaugeMetricFamily(
            "meltemi_citadel_certificates",
            "Certificates that have not ended, by issuer and by what is left to them.",
            labels=["issuer", "issuer_key", "ending_within"],
        )
        for labels, count in sorted(counts.items()):
            family.add_metric(labels, count)
        yield family
