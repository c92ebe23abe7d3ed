"""What others publish and had to be fetched: whose, from where, and how it went.

Keys that verify tokens, and the roots of other meshes (`foreign_bundle`).

Galley fetches and writes them, every Pilot reads them:
``/mesh/runtime/v1/MESH/keys/HASH`` (ADR 0010). They are no configuration object: nobody
wrote them, they have no history, and events do not carry them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.json_text import NotStrictJsonError, load
from meltemi.config.rules.jwks import PARTS
from meltemi.kernel.digest import content_version
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.schema.request_authentication import JWTRule

KEYS: Final = ""
BUNDLE: Final = "bundle"
"""What is fetched: the keys of an issuer, or the roots of another mesh."""
MOST_KEYS: Final = 100
PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""What only the issuer may know (RFC 7518 section 6, RFC 8037)."""
DESCRIBING: Final = ("kty", "use", "alg", "kid")


class BadKeySetError(MeshError):
    """What an issuer published is no set of public keys."""

    code = "keys.invalid"
    blame = Blame.PEER


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the keys of an issuer are published.

    Attributes:
        issuer: Its name, and where OpenID discovery begins (OpenID Connect Discovery
            1.0 §4) when there is no URI.
        uri: Of the key set; empty: to be discovered.
        kind: `KEYS`, or what else is there.

    """

    issuer: str
    uri: str
    kind: str = KEYS

    def __str__(self) -> str:
        return self.uri or self.issuer


class KeptKeys(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the keys of one source. Times are RFC 3339."""

    issuer: str = ""
    uri: str = ""
    keys: str = ""
    """The last good set, as `public_keys` spells it; empty: none, or it is too old.
    Of a bundle: the roots, PEM."""
    fetched: str = ""
    """When it was fetched."""
    tried: str = ""
    """When fetching was last tried."""
    failures: int = 0
    """Tries in a row that brought nothing."""
    problem: str = ""
    """Why the last try brought nothing."""
    kind: str = KEYS
    sequence: int = 0
    """Of a bundle: it never goes backwards."""
    refresh_seconds: int = 0
    """How soon whoever publishes it wants to be asked again; 0: does not say."""

    @property
    def source(self) -> KeySource:
        """Whose keys they are."""
        return KeySource(self.issuer, self.uri, self.kind)

    def encoded(self) -> bytes:
        """Return it as it is stored."""
        return msgspec.json.encode(self)


def source_of(rule: JWTRule) -> KeySource | None:
    """Return from where the keys of ``rule`` are fetched; None: it has them itself."""
    if rule.jwks:
        return None
    return KeySource(rule.issuer or "", rule.jwks_uri or "")


def keys_prefix(mesh: str) -> str:
    """Return the prefix of all fetched keys of ``mesh``."""
    return f"/mesh/runtime/v1/{mesh}/keys/"


def keys_place(mesh: str, source: KeySource) -> str:
    """Return where the keys of ``source`` lie in the ledger."""
    named = (source.issuer, source.uri, *((source.kind,) if source.kind else ()))
    name = content_version("\n".join(named).encode())
    return keys_prefix(mesh) + name


def kept_keys(value: bytes) -> KeptKeys | None:
    """Return what `KeptKeys.encoded` stored; None: that is not what this is."""
    try:
        return msgspec.json.decode(value, type=KeptKeys)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def public_keys(document: bytes) -> str:
    """Return the public keys of a fetched JWK set, in one spelling for each meaning.

    Only members that Envoy verifies with are kept, in a fixed order, so that a set
    that an issuer merely writes anew changes nothing.

    Raises:
        BadKeySetError: If it is not ``{"keys": [...]}``, holds a private or secret
            key, two keys of one name and type, none of a known type, or too many.

    Source:
        RFC 7517 section 5: members and keys that are not understood are ignored.

    """
    known: dict[tuple[str, str], dict[str, str]] = {}
    for key in listed(opened(document, 'a key set {"keys": [...]}')):
        made = _public(key)
        if made is None:
            continue
        name = (made.get("kid", f"#{len(known)}"), made["kty"])
        if name in known:
            raise BadKeySetError(f"{name[0]!r} names two keys of type {name[1]}")
        known[name] = made
    if not known:
        raise BadKeySetError("there is no key of a known type in it")
    return msgspec.json.encode(
        {"keys": [known[each] for each in sorted(known)]}
    ).decode()


def discovered(document: bytes, issuer: str) -> str:
    """Return where ``issuer`` says its keys are.

    Raises:
        BadKeySetError: If ``document`` is not its OpenID configuration.

    Source:
        OpenID Connect Discovery 1.0 §4.3: the issuer in it must be the one asked.

    """
    found = opened(document, "an OpenID configuration")
    if found.get("issuer") != issuer:
        raise BadKeySetError(
            f"the OpenID configuration is of {found.get('issuer')!r}, not of {issuer!r}"
        )
    uri = found.get("jwks_uri")
    if not isinstance(uri, str):
        raise BadKeySetError("the OpenID configuration names no jwks_uri")
    return uri


def listed(document: Mapping[str, object]) -> list[object]:
    """Return the keys of a JWK set; raise `BadKeySetError` if it is none."""
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise BadKeySetError('it is not a key set {"keys": [...]}')
    if len(keys) > MOST_KEYS:
        raise BadKeySetError(f"it has {len(keys)} keys: at most {MOST_KEYS} are taken")
    return keys


def opened(document: bytes, what: str) -> Mapping[str, object]:
    """Return the JSON object that was fetched as ``what``; raise `BadKeySetError`."""
    try:
        found = load(document.decode())
    except (NotStrictJsonError, UnicodeDecodeError) as error:
        raise BadKeySetError(f"it is not {what}: {error}") from error
    if not isinstance(found, dict):
        raise BadKeySetError(f"it is not {what}")
    return found


def _public(key: object) -> dict[str, str] | None:
    if not isinstance(key, dict):
        raise BadKeySetError("one of its keys is not an object")
    if PRIVATE & key.keys():
        raise BadKeySetError(
            "it holds a private key: whoever reads it can sign tokens; the issuer must "
            "replace that key and publish public parts only"
        )
    parts = PARTS.get(str(key.get("kty")))
    if parts is None or not all(isinstance(key.get(part), str) for part in parts):
        return None
    return {
        name: value
        for name in (*DESCRIBING, *parts)
        if isinstance(value := key.get(name), str)
    }
