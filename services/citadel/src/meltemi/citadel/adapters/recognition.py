"""Whom a bearer token stands for, as the ledger and the keys have it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.citadel.admit import (
    UnauthenticatedError,
    renewing_identity,
)
from meltemi.citadel.caller import Caller, Evidence, Proof
from meltemi.citadel.tokens import LONGEST_TEXT, check_token, own_issuer
from meltemi.identity.issued_tokens import InvalidTokenError, Unproved, parse_token
from meltemi.kernel.identity import is_control_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from meltemi.citadel.adapters.issuer_keys import IssuerKeys
    from meltemi.citadel.adapters.key_keeping import KeyKeeping
    from meltemi.citadel.adapters.token_book import TokenBook
    from meltemi.citadel.entries import Entries
    from meltemi.citadel.issuers import Issuer
    from meltemi.config.trust_domains import MeshDomains
    from meltemi.kernel.clock import Clock
    from meltemi.kernel.identity import SpiffeId


class OwnTokens:
    """Recognises workload tokens, and uses them up."""

    def __init__(
        self, book: TokenBook, keys: KeyKeeping, domains: MeshDomains, clock: Clock
    ) -> None:
        self._book, self._keys = book, keys
        self._domains, self._clock = domains, clock

    def made(self, token: Unproved) -> bool:
        """Tell whether ``token`` says that it is one of ours."""
        return token.issuer in map(own_issuer, self._domains.now.names)

    async def recognise(self, token: Unproved, address: str, node: str) -> Caller:
        """Return whom ``token`` stands for, shown from ``address``.

        Raises:
            UnauthenticatedError: If it proves nothing here and now.
            LedgerUnavailableError: If it is unknown whether it is spent.
            SignerUnavailableError: If the keys of tokens are not known yet.

        """
        record = check_token(
            token,
            self._keys.ring.public,
            domains=self._domains.now,
            now=self._clock.now(),
        )
        record.check_place(address, node)
        await self._book.check(record)
        name = record.name
        subject = f"system:serviceaccount:{name.namespace}:{name.service_account}"
        evidence = Evidence(Proof.TOKEN, address, node, token.issuer, subject)
        names = self._domains.now.spellings(name)
        return Caller(name, evidence, names, token=record)

    async def spend(self, caller: Caller) -> None:
        """Use up the token of ``caller``, if it is good for one certificate.

        Raises:
            UnauthenticatedError: If somebody else did meanwhile.
            LedgerUnavailableError: If it is unknown whether it is used up.

        """
        if caller.token is not None:
            await self._book.burn(caller.token)


class IssuedTokens:
    """Recognises the tokens of other issuers."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        keys: IssuerKeys,
        entries: Entries,
        domains: MeshDomains,
        clock: Clock,
    ) -> None:
        self._issuers = {each.issuer: each for each in issuers}
        self._keys, self._entries = keys, entries
        self._domains, self._clock = domains, clock

    async def recognise(self, token: Unproved, address: str, node: str) -> Caller:
        """Return whom ``token`` stands for.

        Raises:
            UnauthenticatedError: If no issuer vouches for anybody with it.

        """
        issuer = self._issuers.get(token.issuer)
        if issuer is None:
            raise UnauthenticatedError(f"token by {token.issuer!r}, who is a stranger")
        key = await self._keys.find(token, issuer)
        subject = issuer.claims(token, key, now=self._clock.now())
        evidence = Evidence(Proof.ISSUER, address, node, issuer.issuer, subject)
        named = issuer.identity(subject, self._domains.now.own)
        identity = _allowed(named or self._entries.select(evidence))
        return Caller(identity, evidence, self._domains.now.spellings(identity))


class Recognition:
    """Tells whom a token or a certificate stands for."""

    def __init__(
        self, own: OwnTokens, issued: IssuedTokens, domains: MeshDomains
    ) -> None:
        self._own, self._issued, self._domains = own, issued, domains

    async def by_token(self, text: str, address: str, node: str) -> Caller:
        """Return whom the token ``text`` stands for, shown from ``address``.

        Raises:
            UnauthenticatedError: If it proves nothing here and now.
            LedgerUnavailableError: If it is unknown whether it is spent.

        """
        token = _parsed(text)
        if self._own.made(token):
            return await self._own.recognise(token, address, node)
        return await self._issued.recognise(token, address, node)

    def by_certificate(self, leaf: x509.Certificate, address: str) -> Caller:
        """Return whom a client certificate stands for, which a handshake verified.

        Raises:
            UnauthenticatedError: If it is nobody who may renew.

        """
        domains = self._domains.now
        identity = renewing_identity(leaf, domains)
        evidence, names = (
            Evidence(Proof.CERTIFICATE, address),
            domains.spellings(identity),
        )
        return Caller(identity, evidence, names, serial=leaf.serial_number)

    async def spend(self, caller: Caller) -> None:
        """Use up what ``caller`` showed, as `OwnTokens.spend`."""
        await self._own.spend(caller)


def _allowed(identity: SpiffeId) -> SpiffeId:
    if is_control_plane(identity):
        raise UnauthenticatedError(f"an issuer's token for {identity}, which is ours")
    return identity


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
