from __future__ import annotations

import msgspec
import pytest

from meltemi.citadel.issue import create_root
from meltemi.citadel.sealing import Sealed, UnsealError, seal
from meltemi.identity.keys import key_to_pem, new_key
from meltemi.identity.sealed import SealingKey
from meltemi.kernel.identity import TrustDomains
from meltemi.testkit.authority import NOON

OWN = TrustDomains("cluster.local")
KEK = SealingKey(b"k" * 32)


def sealed() -> Sealed:
    key = new_key()
    root = create_root(key, trust_domain="cluster.local", now=NOON, serial=1)
    return seal(key_to_pem(key), root.certificate, KEK, "cluster.local")


def test_what_was_sealed_is_opened_by_the_same_key() -> None:
    opened = sealed().open(KEK, OWN)
    assert opened.certificate.public_key() == opened.key.public_key()


def test_a_key_does_not_pass_for_that_of_another_generation() -> None:
    moved = msgspec.structs.replace(sealed(), generation=2)
    with pytest.raises(UnsealError):
        moved.open(KEK, OWN)
