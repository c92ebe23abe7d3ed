from __future__ import annotations

import pytest

from meltemi.kernel.varint import varint


@pytest.mark.parametrize("value", [0, 127, 128, 16_383, 16_384, 2**28, 2**63])
def test_a_number_is_written_as_protobuf_does(value: int) -> None:
    made = varint(value)
    assert sum((byte & 0x7F) << 7 * at for at, byte in enumerate(made)) == value
    assert all(byte & 0x80 for byte in made[:-1])
    assert not made[-1] & 0x80
