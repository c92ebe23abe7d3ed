from __future__ import annotations

import base64
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.adapters.own_certificate import LIFETIME, OwnCertificate
from meltemi.citadel.adapters.state import (
    AUTHORITY_FILE,
    KEK_FILE,
    PLAIN_FILE,
    StateError,
    Store,
)
from meltemi.citadel.issue import ROOT_LIFETIME, SignerExpiredError, create_root
from meltemi.citadel.signers.held import HeldSigner
from meltemi.identity.keys import key_to_pem, new_key
from meltemi.kernel.identity import TrustDomains
from meltemi.testkit.authority import NOON, authority

if TYPE_CHECKING:
    from pathlib import Path


def load(directory: Path, now: datetime = NOON) -> str:
    return Store(directory).load(TrustDomains("cluster.local"), now=now).bundle_pem


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


def test_the_key_is_not_to_be_read_from_the_disk(tmp_path: Path) -> None:
    load(tmp_path)
    for file in tmp_path.iterdir():
        assert b"PRIVATE KEY" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0


def test_a_wrong_encryption_key_stops_the_start_and_replaces_nothing(
    tmp_path: Path,
) -> None:
    load(tmp_path)
    stored = (tmp_path / AUTHORITY_FILE).read_bytes()
    (tmp_path / KEK_FILE).write_bytes(base64.b64encode(bytes(32)))
    with pytest.raises(StateError, match="does not open"):
        load(tmp_path)
    (tmp_path / KEK_FILE).unlink()
    with pytest.raises(StateError, match="is not there"):
        load(tmp_path)
    assert (tmp_path / AUTHORITY_FILE).read_bytes() == stored
    assert not (tmp_path / KEK_FILE).exists()


def test_an_encryption_key_of_ones_own_is_used_and_never_made(tmp_path: Path) -> None:
    kek = tmp_path / "kek"
    store = Store(tmp_path / "state", kek)
    with pytest.raises(StateError, match="openssl"):
        store.load(TrustDomains("cluster.local"), now=NOON)
    kek.write_bytes(base64.b64encode(bytes(32)))
    kek.chmod(0o600)
    made = store.load(TrustDomains("cluster.local"), now=NOON)
    again = store.load(TrustDomains("cluster.local"), now=NOON)
    assert again.bundle_pem == made.bundle_pem
    assert not (tmp_path / "state" / KEK_FILE).exists()


def test_a_key_of_another_trust_domain_is_not_used(tmp_path: Path) -> None:
    load(tmp_path)
    with pytest.raises(StateError, match="belongs to"):
        Store(tmp_path).load(TrustDomains("elsewhere"), now=NOON)


def test_a_key_that_an_older_version_left_in_plain_is_encrypted(
    tmp_path: Path,
) -> None:
    key = new_key()
    old = create_root(key, trust_domain="cluster.local", now=NOON, serial=5)
    plain = tmp_path / PLAIN_FILE
    plain.write_text(key_to_pem(key) + old.bundle_pem)
    plain.chmod(0o600)
    assert load(tmp_path) == old.bundle_pem
    assert not plain.exists()
    assert load(tmp_path) == old.bundle_pem


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
    first = own.held
    clock.time = NOON + LIFETIME * 0.49
    await own.refresh()
    assert own.held == first
    clock.time = NOON + LIFETIME * 0.51
    await own.refresh()
    assert own.held != first


async def test_citadels_own_certificate_stays_while_the_signer_is_away() -> None:
    clock = SteppedClock()
    signer = HeldSigner(authority(), clock)
    own = OwnCertificate(signer, "cluster.local", clock)
    await own.refresh()
    first = own.held
    clock.time = NOON + ROOT_LIFETIME
    with pytest.raises(SignerExpiredError):
        await own.refresh()
    assert own.held is first
