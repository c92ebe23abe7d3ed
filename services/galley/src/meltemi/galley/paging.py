"""Lists in pages that fit together: all of them are of the first one's revision.

The continuation is opaque to clients: where the page ended, and at which revision.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

import msgspec

from meltemi.galley.refusals import InvalidQueryError
from meltemi.kernel.names import Revision

MOST: Final = 500
"""Objects read from the ledger at once."""


class Continuation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Behind which ledger key a list goes on, at which revision."""

    revision: int
    after: str

    def spell(self) -> str:
        """Return it as clients hand it back."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode()


@dataclass(frozen=True, slots=True)
class Paging:
    """How much of a list is asked for, and from where on."""

    limit: int = 0
    """Objects; 0 for all of them."""
    start: Continuation | None = None

    @property
    def revision(self) -> Revision | None:
        """The revision to read at, if a page was read before."""
        return None if self.start is None else Revision(self.start.revision)

    @classmethod
    def parse(cls, limit: str, continuation: str) -> Paging:
        """Return what the query parameters ``limit`` and ``continue`` say.

        Raises:
            InvalidQueryError: If the one is no number, or the other not ours.

        """
        if limit and not (limit.isascii() and limit.isdigit() and len(limit) < 10):  # noqa: PLR2004 - nine digits are many
            raise InvalidQueryError(f"limit is a number of objects, not {limit!r}")
        if not continuation:
            return cls(int(limit or 0))
        try:
            text = base64.b64decode(continuation, altchars=b"-_", validate=True)
            start = msgspec.json.decode(text, type=Continuation)
        except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
            raise InvalidQueryError(
                "continue is not what a list gave out: start the list again"
            ) from error
        if not 0 < start.revision < 2**63:
            raise InvalidQueryError("continue names no revision: start the list again")
        return cls(int(limit or 0), start)
