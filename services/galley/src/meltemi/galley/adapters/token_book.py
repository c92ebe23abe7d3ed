"""Tokens of limited scope, kept in the ledger so that every Galley knows them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec

from meltemi.galley.refusals import NoSuchTokenError, UnauthenticatedError
from meltemi.galley.tokens import (
    Token,
    check,
    make,
    token_id,
    token_text,
    tokens_prefix,
)
from meltemi.kernel.names import Revision
from meltemi.store.ports import LedgerUnavailableError, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.galley.tokens import Wish
    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import Entry, LedgerWriter

ID_BYTES, SECRET_BYTES = 8, 32
MOST_KNOWN = 4096


class TokenBook:
    """All tokens of a mesh. A revoked one is refused from that moment on.

    While the ledger is away, those that were good when last looked up are believed:
    reads go on then, and there are no writes.
    """

    def __init__(self, ledger: LedgerWriter, mesh: str, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._prefix = tokens_prefix(mesh)
        self._known: dict[str, Token] = {}

    async def check(self, text: str) -> Token:
        """Return the token that ``text`` proves.

        Raises:
            UnauthenticatedError: If it proves none, or one that has expired.
            LedgerUnavailableError: If the ledger is away and it was never seen.

        """
        number = token_id(text)
        try:
            token = _token(await self._ledger.get(self._prefix + number))
        except LedgerUnavailableError:
            if number not in self._known:
                raise
            token = self._known[number]
        self._known.pop(number, None)
        good = check(token, text, now=self._clock.now())
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[number] = good
        return good

    async def create(self, wish: Wish, *, by: str) -> tuple[Token, str]:
        """Return a new token, and the text that its bearer shows: it is not kept."""
        number = secrets.token_hex(ID_BYTES)
        text = token_text(number, secrets.token_urlsafe(SECRET_BYTES))
        token = make(wish, text, by=by, now=self._clock.now())
        value = msgspec.json.encode(token)
        await self._ledger.commit([Write(self._prefix + number, value, Revision(0))])
        return token, text

    async def all(self) -> Sequence[Token]:
        """Return every token, oldest first."""
        listing = await self._ledger.list(self._prefix)
        entries = sorted(listing.entries, key=lambda each: each.created)
        tokens = (_token(each) for each in entries)
        return [token for token in tokens if token is not None]

    async def revoke(self, number: str) -> None:
        """Forget a token.

        Raises:
            NoSuchTokenError: If there is none of that id.

        """
        place = self._prefix + number
        entry = await self._ledger.get(place)
        if entry is None:
            raise NoSuchTokenError(f"there is no token {number!r}")
        await self._ledger.commit([Write(place, None, entry.revision)])
        self._known.pop(number, None)


def _token(entry: Entry | None) -> Token | None:
    if entry is None:
        return None
    try:
        return msgspec.json.decode(entry.value, type=Token)
    except msgspec.MsgspecError as error:
        raise UnauthenticatedError(f"a stored token is unreadable: {error}") from error
