"""Header blocks: those that arrive are decoded within bounds, ours are written plainly.

Source: RFC 7541 for the forms; RFC 9113 §8.2 and gRPC's "gRPC over HTTP2" for names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from hpack import Decoder
from hpack.exceptions import HPACKError

from meltemi.http2.frame import Code, ConnectionEndedError

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_BLOCK: Final = 16 << 10
"""Bytes of one header block, unpacked or not: a call names a path and a few words."""
STATUS_200: Final = b"\x88"
"""``:status 200`` of HPACK's static table."""
LONGEST_MESSAGE: Final = 1024
PRINTABLE: Final = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""What may stand in grpc-message as it is, beside letters and digits."""


class Headers:
    """Decodes the blocks of one connection, which depend on those before them."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=LARGEST_BLOCK)

    def read(self, block: bytes) -> Mapping[str, str]:
        """Return the last value of each name.

        Raises:
            ConnectionEndedError: If it cannot be decoded, or is too large.

        """
        try:
            found = self._decoder.decode(block, raw=True)
        except (HPACKError, ValueError, IndexError) as error:
            raise ConnectionEndedError(
                Code.COMPRESSION_ERROR, f"a header block cannot be read: {error}"
            ) from error
        return {
            name.decode("latin-1"): value.decode("latin-1") for name, value, *_ in found
        }


def literal(name: str, value: str) -> bytes:
    """Return a field of a block that nobody remembers (RFC 7541 §6.2.2)."""
    return b"\x00" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    raw = text.encode("ascii")
    return _length(len(raw)) + raw


def _length(number: int) -> bytes:
    """Return ``number`` with a prefix of seven bits (RFC 7541 §5.1)."""
    if number < 127:  # noqa: PLR2004 - what seven bits hold, less one
        return bytes((number,))
    number -= 127
    made = bytearray((127,))
    while number >= 128:  # noqa: PLR2004 - seven bits a byte
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)


ACCEPTED: Final = STATUS_200 + literal("content-type", "application/grpc")
"""The headers of a call that is served."""


def ended(status: int, message: str = "") -> bytes:
    """Return the trailers of a call: gRPC's status, and why."""
    block = literal("grpc-status", str(status))
    if message:
        # What is no printable ASCII, and the percent sign, are escaped.
        words = quote(message[:LONGEST_MESSAGE], safe=PRINTABLE)
        block += literal("grpc-message", words)
    return block
