"""Who else may do what: client certificates and issuers of tokens. Pure.

::

    certificates:
    - identity: spiffe://cluster.local/ns/ci/sa/deployer
      scopes: [{verbs: [read, write], kinds: ["*"], namespaces: [a]}]
    issuers:
    - issuer: https://login.example.com
      audiences: [meltemi]
      jwksUrl: https://login.example.com/keys
      grants:
      - claim: groups
        value: team-a
        scopes: [{verbs: [read, write], kinds: ["*"], namespaces: [a]}]

Whoever is not named, or whose claims are not, is believed and may do nothing.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import msgspec

from meltemi.galley.permission import Scope
from meltemi.galley.tokens import normal
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.identity import SpiffeId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"}
)
"""Signatures by a key of which we hold the public half only (RFC 8725 §2.1, §3.1):
with HMAC whoever can check a token can make one.
"""
WORDS: Final = frozenset({"scope", "scp"})
"""Claims that hold several values in one string (RFC 8693 §4.2)."""

Scopes = Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1, max_length=64)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class InvalidAccessError(MeshError):
    """The access file does not say what it must."""

    code = "access.invalid"
    blame = Blame.CALLER


class _Entry(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What the file is made of."""


class CertificateGrant(_Entry, frozen=True):
    """What the bearer of a client certificate may do."""

    identity: str
    scopes: Scopes


class ClaimGrant(_Entry, frozen=True):
    """What somebody may do whose ``claim`` is, or holds, ``value``."""

    claim: Text
    """``groups``, or a path through objects: ``realm_access.roles``."""
    value: Text
    scopes: Scopes


class Issuer(_Entry, frozen=True):
    """Somebody whose tokens are believed."""

    issuer: Text
    """Compared with ``iss``, character by character (RFC 7519 §4.1.1)."""
    audiences: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    """One of them must stand in ``aud``: a token for another service is none here."""
    grants: tuple[ClaimGrant, ...]
    jwks_file: str = ""
    jwks_url: str = ""
    """``https://…``; plain text only on loopback."""
    algorithms: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = (
        "ES256",
        "RS256",
    )

    def scopes(self, claims: Mapping[str, object]) -> tuple[Scope, ...]:
        """Return what ``claims`` allow."""
        return tuple(
            scope
            for grant in self.grants
            if grant.value in _values(claims, grant.claim)
            for scope in grant.scopes
        )


class Access(_Entry, frozen=True):
    """The whole file."""

    certificates: tuple[CertificateGrant, ...] = ()
    issuers: tuple[Issuer, ...] = ()

    def of_certificate(self, identity: SpiffeId) -> tuple[Scope, ...]:
        """Return what the bearer of a certificate of ``identity`` may do."""
        named = str(identity)
        granted = (each.scopes for each in self.certificates if each.identity == named)
        return tuple(scope for scopes in granted for scope in scopes)

    def issuer_called(self, name: str) -> Issuer | None:
        """Return the issuer whose tokens say ``iss: name``."""
        return next((each for each in self.issuers if each.issuer == name), None)


def parse_access(data: bytes) -> Access:
    """Return what an access file (YAML or JSON) says.

    Raises:
        InvalidAccessError: Saying what is wrong, and where.

    """
    try:
        access = msgspec.yaml.decode(data, type=Access)
        certificates = tuple(_certificate(each) for each in access.certificates)
        issuers = tuple(_issuer(each) for each in access.issuers)
    except (msgspec.MsgspecError, UnicodeDecodeError, MeshError) as error:
        raise InvalidAccessError(str(error)) from error
    names = [each.issuer for each in issuers]
    if len(set(names)) < len(names):
        raise InvalidAccessError("an issuer stands twice: join its grants")
    return Access(certificates, issuers)


def _certificate(grant: CertificateGrant) -> CertificateGrant:
    SpiffeId.parse(grant.identity)
    return msgspec.structs.replace(grant, scopes=_normal(grant.scopes))


def _issuer(issuer: Issuer) -> Issuer:
    unknown = sorted(set(issuer.algorithms) - ALGORITHMS)
    if unknown:
        raise InvalidAccessError(
            f"{issuer.issuer}: no algorithm {unknown[0]!r}: there are "
            f"{', '.join(sorted(ALGORITHMS))}"
        )
    if bool(issuer.jwks_file) == bool(issuer.jwks_url):
        raise InvalidAccessError(f"{issuer.issuer}: set jwksFile or jwksUrl, not both")
    if issuer.jwks_url and not _is_private(issuer.jwks_url):
        raise InvalidAccessError(
            f"{issuer.issuer}: jwksUrl {issuer.jwks_url} is not https, and whoever "
            "stands between could put keys of their own there"
        )
    grants = tuple(
        msgspec.structs.replace(each, scopes=_normal(each.scopes))
        for each in issuer.grants
    )
    return msgspec.structs.replace(issuer, grants=grants)


def _normal(scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
    return tuple(normal(scope) for scope in scopes)


def _is_private(url: str) -> bool:
    """Tell whether nobody stands between us and ``url``."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        host = ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        return False
    return parts.scheme == "http" and host.is_loopback


def _values(claims: Mapping[str, object], path: str) -> Iterator[object]:
    """Yield what a claim holds; a path's whole text may be a name, too (URLs are)."""
    found: object = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, str):
        yield from found.split() if path in WORDS else (found,)
    elif isinstance(found, list):
        yield from found
