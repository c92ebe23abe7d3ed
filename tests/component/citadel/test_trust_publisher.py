from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.adapters.trust_publisher import TrustPublisher
from meltemi.identity.trust import TrustBundle, trust_key
from meltemi.testkit.authority import authority
from meltemi.testkit.fakes.ledger import MemoryLedger

if TYPE_CHECKING:
    from cryptography import x509

OLD, NEW = authority().certificate, authority("other.example").certificate


@dataclass
class Kept:
    """What a signer believes now."""

    roots: tuple[x509.Certificate, ...]


async def told(ledger: MemoryLedger) -> TrustBundle | None:
    entry = await ledger.get(trust_key("default"))
    return TrustBundle.decode(entry.value) if entry else None


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


def publisher(ledger: MemoryLedger, kept: Kept) -> TrustPublisher:
    return TrustPublisher(ledger, "default", lambda: kept.roots)


async def test_a_bundle_is_told_once_it_is_known_and_when_it_changes(
    ledger: MemoryLedger,
) -> None:
    kept = Kept(())
    one = publisher(ledger, kept)
    await one.refresh()
    assert await told(ledger) is None
    kept.roots = (OLD,)
    await one.refresh()
    assert await told(ledger) == TrustBundle.of((OLD,))
    kept.roots = (NEW, OLD)
    await one.refresh()
    assert await told(ledger) == TrustBundle.of((NEW, OLD))


async def test_a_replica_that_lags_does_not_put_the_old_bundle_back(
    ledger: MemoryLedger,
) -> None:
    quick, slow = Kept((OLD,)), Kept((OLD,))
    one, two = publisher(ledger, quick), publisher(ledger, slow)
    await one.refresh()
    await two.refresh()
    quick.roots = (NEW, OLD)
    await one.refresh()
    await two.refresh()
    assert await told(ledger) == TrustBundle.of((NEW, OLD))
