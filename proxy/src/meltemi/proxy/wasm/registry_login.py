"""How a registry asks who wants an image, and what we say.

Source:
    RFC 9110 section 11 for the challenge; distribution's token authentication page
    for what a bearer challenge asks; Docker's config.json for where credentials are.

"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

import msgspec

from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.reference import HUB, HUB_SERVER

PARAMETER: Final = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
HUB_KEYS: Final = (f"https://index.{HUB}/v1/", f"index.{HUB}", HUB)


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password at a registry."""

    user: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """What ``Authorization`` says: basic, RFC 7617."""
        told = b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"Basic {told}"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry wants to see; ``token_url`` says where a token is had."""

    basic: bool
    token_url: str = ""


class _Entry(msgspec.Struct, frozen=True):
    username: str = ""
    password: str = ""
    auth: str = ""


class _Config(msgspec.Struct, frozen=True):
    auths: dict[str, _Entry] = {}


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


def login_for(registry: str, config: bytes) -> Login | None:
    """Return what Docker's ``config`` (JSON) has for ``registry``; None if nothing.

    Raises:
        ModuleRefusedError: If it is none.

    """
    try:
        auths = msgspec.json.decode(config, type=_Config).auths
        known = {_host(key): entry for key, entry in auths.items()}
        keys = HUB_KEYS if registry == HUB_SERVER else (registry,)
        found = next((known[_host(key)] for key in keys if _host(key) in known), None)
        return _login(found) if found else None
    except (msgspec.DecodeError, ValueError) as error:
        # Its words may hold what must not be told.
        raise ModuleRefusedError("the pull secret is no Docker config.json") from error


def _login(entry: _Entry) -> Login | None:
    if entry.auth:
        user, _, password = b64decode(entry.auth, validate=True).decode().partition(":")
        return Login(user, password)
    return Login(entry.username, entry.password) if entry.username else None


def _host(key: str) -> str:
    return key.partition("://")[2].partition("/")[0] if "://" in key else key


def challenge(header: str, scope: str, *, plain: bool) -> Challenge:
    """Return what ``WWW-Authenticate: header`` asks of who wants ``scope``.

    Args:
        header: As the registry wrote it.
        scope: What for, unless the registry says: ``repository:PATH:pull``.
        plain: Whether tokens may be had over ``http://``.

    Raises:
        ModuleRefusedError: If it asks what we have no answer to.

    """
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "basic":
        return Challenge(basic=True)
    said = {
        name.lower(): quoted or bare for name, quoted, bare in PARAMETER.findall(rest)
    }
    realm = said.get("realm", "")
    starts = ("https://", "http://") if plain else ("https://",)
    if scheme.lower() != "bearer" or not realm.startswith(starts):
        raise ModuleRefusedError(
            f"the registry asks for {header[:200]!r}: expected basic, or bearer with a "
            "realm of https://"
        )
    asked = {"scope": said.get("scope") or scope}
    if "service" in said:
        asked["service"] = said["service"]
    joint = "&" if "?" in realm else "?"
    return Challenge(basic=False, token_url=f"{realm}{joint}{urlencode(asked)}")


def token_in(raw: bytes) -> str:
    """Return the token that a token server's answer has.

    Raises:
        ModuleRefusedError: If it has none.

    """
    try:
        found = msgspec.json.decode(raw, type=_Token)
    except msgspec.DecodeError as error:
        raise ModuleRefusedError("the token server's answer has no token") from error
    token = found.token or found.access_token
    if not token or not all("!" <= each <= "~" for each in token):
        raise ModuleRefusedError("the token server's answer has no token")
    return token
