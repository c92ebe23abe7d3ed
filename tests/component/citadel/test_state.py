from __future__ import annotations

from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.adapters.own_certificate import LIFETIME, OwnCertificate
from meltemi.citadel.adapters.state import AUTHORITY_FILE, StateError, load_authority
from meltemi.citadel.issue import ROOT_LIFETIME, SignerExpiredError
from meltemi.citadel.signers.held import HeldSigner
from meltemi.testkit.authority import NOON, authority

if TYPE_CHECKING:
    from pathlib import Path


def load(directory: Path, now: datetime = NOON) -> str:
    return load_authority(directory, trust_domain="cluster.local", now=now).bundle_pem


def test_replicas_that_start_together_on_one_folder_have_one_root(
    tmp_path: Path,
) -> None:
    barrier, roots = Barrier(8), list[str]()

    def start() -> None:
        barrier.wait()
        roots.append(load(tmp_path / "state"))

    threads = [Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(roots) == 8
    assert len(set(roots)) == 1


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    load(tmp_path)
    (tmp_path / AUTHORITY_FILE).chmod(0o640)
    with pytest.raises(StateError, match="open to others"):
        load(tmp_path)


@pytest.mark.parametrize("keep", [0, 100, 400])
def test_a_damaged_authority_stops_the_start_and_is_never_replaced(
    tmp_path: Path, keep: int
) -> None:
    load(tmp_path)
    file = tmp_path / AUTHORITY_FILE
    damaged = file.read_bytes()[:keep]
    file.write_bytes(damaged)
    with pytest.raises(StateError, match="restore it"):
        load(tmp_path)
    assert file.read_bytes() == damaged


def test_a_root_that_has_ended_signs_nothing(tmp_path: Path) -> None:
    load(tmp_path)
    with pytest.raises(SignerExpiredError):
        load(tmp_path, NOON + timedelta(days=3651))


class SteppedClock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


async def test_citadels_own_certificate_is_renewed_at_half_of_its_life() -> None:
    clock = SteppedClock()
    own = OwnCertificate(HeldSigner(authority(), clock), "cluster.local", clock)
    await own.refresh()
    first = own._signed
    clock.time = NOON + LIFETIME * 0.49
    await own.refresh()
    assert own._signed == first
    clock.time = NOON + LIFETIME * 0.51
    await own.refresh()
    assert own._signed != first


async def test_citadels_own_certificate_stays_while_the_signer_is_away() -> None:
    clock = SteppedClock()
    signer = HeldSigner(authority(), clock)
    own = OwnCertificate(signer, "cluster.local", clock)
    await own.refresh()
    first = own._configuration
    clock.time = NOON + ROOT_LIFETIME - timedelta(seconds=1)
    with pytest.raises(SignerExpiredError):
        await own.refresh()
    assert own._configuration is first
