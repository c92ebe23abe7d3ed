"""Asking a Galley how to join, and finding which of our addresses it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meltemi.credentials.invitation import PATH, Invitation
from meltemi.ctl.galley.client import BadCredentialError, Galley, failed
from meltemi.ctl.galley.connect import is_here
from meltemi.ctl.workload.wish import LOOPBACK, BadWishError
from meltemi.runtime.outward import NoWayError, outward_address

if TYPE_CHECKING:
    from urllib.parse import SplitResult


def invited(url: str, ca: str) -> Invitation:
    """Return what the Galley at ``url`` tells those who join.

    Over TLS it is believed by the roots in the file ``ca``, or the machine's own.

    Raises:
        BadCredentialError: If somebody on the way could have answered instead.
        GalleyUnreachableError: If nobody answers, or who answers is not believed.
        InvalidMessageError: If the answer is something else.
        typer.Exit: If it does not tell; why is printed.

    """
    parts = _parts(url)
    if parts.scheme == "http" and not is_here(parts.hostname or ""):
        raise BadCredentialError(
            f"{url} speaks plain text, and whoever stands between could name other "
            "roots to believe: use https"
        )
    answer = Galley(url, "", ca).get(PATH)
    if not answer.ok:
        raise failed(answer)
    return Invitation.read(answer.body)


def own_address(url: str) -> str:
    """Return the address of this machine on the way to ``url``.

    Raises:
        BadWishError: If there is no way.

    """
    host = _parts(url).hostname or ""
    if is_here(host):
        return LOOPBACK
    try:
        return outward_address(host)
    except NoWayError as error:
        raise BadWishError(
            f"{error}; say --address IP, where other machines reach this one"
        ) from None


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadWishError(f"{url!r} is not https://HOST:PORT")
    return parts
