"""Writing what services are given before the first of them starts."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from meltemi.ctl.containers.authority import Authority, Shown
from meltemi.ctl.containers.places import (
    ADMIN,
    BELL,
    CA,
    CERTIFICATE,
    KEY,
    MOUNTED,
    PASSWORD,
    PLACES,
    SEALING,
    STRONGROOM,
)
from meltemi.ctl.local.accounts import bus_configuration, password
from meltemi.ctl.local.admission import make_secret, read_secret
from meltemi.ctl.local.plan import MESH
from meltemi.ctl.local.record import write_private
from meltemi.runtime.sealing_file import load_sealing_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from meltemi.ctl.containers.places import Place

OWN = "keeper"
"""The volume that no service sees: the authority's key, and the mesh's secret."""


VAULT = f"""\
storage "file" {{
  path = "/var/lib/meltemi/vault"
}}
listener "tcp" {{
  address       = "0.0.0.0:8200"
  tls_cert_file = "{MOUNTED}/{CERTIFICATE}"
  tls_key_file  = "{MOUNTED}/{KEY}"
}}
api_addr      = "https://vault:8200"
disable_mlock = true
"""
"""A Vault's configuration: files for storage, TLS."""


def write_keys(folder: Path, hosts: Sequence[str], *, now: datetime) -> Iterator[str]:
    """Give every service what it lacks, and yield a line for each that got something.

    Twice changes nothing, until a certificate has lived half of its life.

    Args:
        folder: Where every volume is, under its service's name.
        hosts: Further names that people reach Galley by.
        now: The time, with its zone.

    Raises:
        InvalidCertificateError: If what was kept is damaged.
        OSError: If a volume cannot be written.

    """
    make_secret(folder / OWN)
    secret = read_secret(folder / OWN)
    authority = _authority(folder / OWN, now=now)
    admin = _kept(folder / OWN / ADMIN, f"{secrets.token_urlsafe(32)}\n")
    load_sealing_key(folder / OWN / SEALING)
    sealing = (folder / OWN / SEALING).read_text(encoding="ascii")
    for place in PLACES:
        wanted = {CA: authority.kept.certificate}
        if place.account:
            wanted[PASSWORD] = f"{password(secret, place.account)}\n"
        if place.administers:
            wanted[ADMIN] = admin
        if place.unseals:
            wanted[SEALING] = sealing
        wanted |= _configured(place, secret)
        if place.hosts:
            extra = tuple(hosts) if place.name == "galley" else ()
            wanted |= _certified(folder / place.name, place, extra, (authority, now))
        changed = [
            name for name in wanted if _put(folder / place.name / name, wanted[name])
        ]
        if changed:
            yield f"{place.name}: {', '.join(sorted(changed))}"


def _authority(own: Path, *, now: datetime) -> Authority:
    certificate, key = own / CA, own / "ca.key"
    if not key.exists():
        made = Authority.new(now=now).kept
        _put(certificate, made.certificate)
        _put(key, made.key)  # last: an authority without it is made anew
    kept = (certificate.read_text("ascii"), key.read_text("ascii"))
    return Authority.read(Shown(*kept))


def _certified(
    folder: Path, place: Place, extra: tuple[str, ...], by: tuple[Authority, datetime]
) -> dict[str, str]:
    """Return a certificate and its key, where those that are there do not do."""
    authority, now = by
    names = (*place.hosts, *extra)
    try:
        shown = (folder / CERTIFICATE).read_text("ascii")
    except FileNotFoundError:
        shown = ""
    if shown and authority.vouches(shown, names, now=now):
        return {}
    made = authority.issue(names, now=now)
    return {KEY: made.key, CERTIFICATE: made.certificate}


def _configured(place: Place, secret: str) -> dict[str, str]:
    """Return the configuration of a server that is told all of it by a file."""
    if place.name == "nats":
        return {BELL: _bell(secret)}
    return {STRONGROOM: VAULT} if place.name == "vault" else {}


def _bell(secret: str) -> str:
    tls: dict[str, object] = {
        "cert_file": f"{MOUNTED}/{CERTIFICATE}",
        "key_file": f"{MOUNTED}/{KEY}",
        "handshake_first": True,
    }
    return bus_configuration(secret, MESH, tls=tls) + "\n"


def _kept(path: Path, fresh: str) -> str:
    """Return what is in ``path``, which is ``fresh`` the first time."""
    if not path.exists():
        write_private(path, fresh.encode())
    return path.read_text(encoding="ascii")


def _put(path: Path, text: str) -> bool:
    """Write ``text`` where something else is; tell whether it was."""
    try:
        if path.read_text(encoding="utf-8") == text:
            return False
    except FileNotFoundError:
        pass
    write_private(path, text.encode())
    return True
