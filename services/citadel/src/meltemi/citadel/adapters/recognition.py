"""Whom a bearer token stands for, as the ledger and the keys have it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.tokens import LONGEST_TEXT, TokenRecord, check_token, own_issuer
from meltemi.identity.issued_tokens import InvalidTokenError, Unproved, parse_token

if TYPE_CHECKING:
    from meltemi.citadel.adapters.token_book import TokenBook
    from meltemi.citadel.token_key import TokenKey
    from meltemi.kernel.clock import Clock


class Recognition:
    """Tells whom a token stands for, and uses it up."""

    def __init__(
        self, book: TokenBook, key: TokenKey, trust_domain: str, clock: Clock
    ) -> None:
        self._book, self._key = book, key
        self._trust_domain, self._clock = trust_domain, clock

    async def recognise(self, text: str, address: str, node: str) -> TokenRecord:
        """Return what the token ``text`` proves, shown from ``address``.

        Raises:
            UnauthenticatedError: If it proves nothing here and now.
            LedgerUnavailableError: If it is unknown whether it is spent.

        """
        token = _parsed(text)
        if token.issuer != own_issuer(self._trust_domain):
            raise UnauthenticatedError(f"token by {token.issuer!r}, who is a stranger")
        now = self._clock.now()
        record = check_token(token, self._key, trust_domain=self._trust_domain, now=now)
        record.check_place(address, node)
        await self._book.check(record)
        return record

    async def spend(self, record: TokenRecord) -> None:
        """Use up what `recognise` returned, if it is good for one certificate.

        Raises:
            UnauthenticatedError: If somebody else did meanwhile.
            LedgerUnavailableError: If it is unknown whether it is used up.

        """
        await self._book.burn(record)


def _parsed(text: str) -> Unproved:
    if len(text) > LONGEST_TEXT:
        raise UnauthenticatedError(f"a token of {len(text)} characters")
    try:
        token = parse_token(text)
    except InvalidTokenError as error:
        raise UnauthenticatedError(str(error)) from error
    if token is None:
        raise UnauthenticatedError("a token that names no issuer")
    return token
