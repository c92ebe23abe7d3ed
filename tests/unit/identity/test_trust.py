from __future__ import annotations

import pytest

from meltemi.identity.federation import NOBODY
from meltemi.identity.trust import TrustBundle
from meltemi.identity.wire import InvalidMessageError
from meltemi.testkit.authority import authority

BUNDLE = TrustBundle.of(
    (authority().certificate, authority("other.example").certificate)
)


def test_the_message_is_istios_with_the_roots_in_field_34() -> None:
    first = BUNDLE.roots[0].encode()
    raw = BUNDLE.to_wire()
    length = len(first)
    assert raw.startswith(bytes([0x92, 0x02, length & 0x7F | 0x80, length >> 7]))
    assert raw[4 : 4 + length] == first
    assert TrustBundle.from_wire(raw) == (BUNDLE, NOBODY)


def test_both_forms_are_read_back_and_rubbish_is_refused() -> None:
    assert TrustBundle.decode(BUNDLE.encode()) == BUNDLE
    for read in (TrustBundle.decode, TrustBundle.from_wire):
        with pytest.raises(InvalidMessageError):
            read(b"\xff\xff")


def test_the_version_tells_bundles_apart_and_their_order_counts() -> None:
    turned = TrustBundle(BUNDLE.roots[::-1])
    assert turned.version != BUNDLE.version, "the first is the one that signs"
    assert TrustBundle(BUNDLE.roots).version == BUNDLE.version
    assert len(BUNDLE.certificates) == 2
