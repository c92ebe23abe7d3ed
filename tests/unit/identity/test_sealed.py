from __future__ import annotations

import base64

import pytest

from meltemi.identity.sealed import SealError, SealingKey, new_sealing_key

KEY = SealingKey(b"k" * 32)


def test_what_is_sealed_opens_with_the_key_and_under_the_name() -> None:
    sealed = KEY.seal(b"plain", about="a/b")
    assert KEY.unseal(sealed, about="a/b") == b"plain"
    assert "plain" not in base64.b64decode(sealed).decode("latin-1")
    assert KEY.seal(b"plain", about="a/b") != sealed, "each seal has its own nonce"


def test_another_key_name_or_bit_opens_nothing() -> None:
    sealed = KEY.seal(b"plain", about="a/b")
    raw = bytearray(base64.b64decode(sealed))
    raw[-1] ^= 1
    changed = base64.b64encode(raw).decode()
    for key, text, about in (
        (new_sealing_key(), sealed, "a/b"),
        (KEY, sealed, "a/c"),
        (KEY, changed, "a/b"),
        (KEY, sealed[:8], "a/b"),
        (KEY, "?", "a/b"),
        (KEY, base64.b64encode(b"\x02" + raw[1:]).decode(), "a/b"),
    ):
        with pytest.raises(SealError, match=about):
            key.unseal(text, about=about)


def test_a_key_is_never_printed_and_has_256_bits() -> None:
    assert "kkk" not in repr(KEY)
    with pytest.raises(SealError, match="not 3"):
        SealingKey(b"abc")
