"""Finding Galley, here or elsewhere, and what to show it of who we are."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meltemi.ctl.galley.client import BadCredentialError, Galley
from meltemi.ctl.local.layout import Layout
from meltemi.ctl.local.record import NoMeshError, Record, read_record

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVER, CA, CERT, KEY = (
    "MELTEMI_SERVER",
    "MELTEMI_CA",
    "MELTEMI_CERT",
    "MELTEMI_KEY",
)
TOKEN, TOKEN_FILE = "MELTEMI_TOKEN", "MELTEMI_TOKEN_FILE"


def running(state: Path) -> tuple[Record, Layout]:
    """Return the mesh recorded in ``state``.

    Raises:
        NoMeshError: If none is up there.

    """
    record = read_record(state)
    if record is None or not record.parts:
        raise NoMeshError(
            f"no mesh is up in {state}: run meltemi up --demo, or name one "
            f"elsewhere with --server or {SERVER}"
        )
    return record, Layout(state, record.ports, record.epoch)


def connect(state: Path) -> Galley:
    """Return the Galley that the environment names, or else the local mesh's.

    Without a token of their own, people are the local mesh's administrators: whoever
    can read its token is one.

    Raises:
        NoMeshError: If no mesh is up.
        BadCredentialError: If a token cannot be read, or would travel in the clear.

    """
    environ = os.environ  # noqa: TID251 - the CLI is where the user's shell ends
    if environ.get(SERVER):
        return elsewhere(environ[SERVER], environ)
    token = _token(environ)
    _, layout = running(state)
    own = token or layout.admin_token.read_text(encoding="utf-8").strip()
    return Galley(f"http://{layout.at('galley')}", own)


def elsewhere(url: str, environ: Mapping[str, str]) -> Galley:
    """Return the server at ``url``, shown and believed as ``environ`` says.

    Raises:
        BadCredentialError: If it is no URL of one, a token cannot be read, or it would
            travel in the clear.

    """
    token, url = _token(environ), url.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadCredentialError(f"{url!r} is not http://HOST:PORT or https://HOST")
    if token and parts.scheme == "http" and not is_here(parts.hostname or ""):
        raise BadCredentialError(
            f"{url} speaks plain text, and whoever stands between would learn the "
            "token: use https"
        )
    ca, cert, key = (environ.get(name, "") for name in (CA, CERT, KEY))
    return Galley(url, token, ca, cert, key)


def _token(environ: Mapping[str, str]) -> str:
    file = environ.get(TOKEN_FILE, "")
    if not file:
        return environ.get(TOKEN, "").strip()
    try:
        return Path(file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadCredentialError(f"{file}: {error}") from None


def is_here(host: str) -> bool:
    """Tell whether ``host`` is this very machine: plain text does not leave it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
