"""Requests that a name elsewhere was led to this machine for are turned away.

A browser asks for a page of ``evil.example``, whose name then leads to 127.0.0.1: what
listens there answers, and the page reads it (DNS rebinding). The request names the host
it is for, so a server of this machine only need look.
"""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOCALHOST = "localhost"
"""It, and every name below it, is this machine (RFC 6761 §6.3)."""


class OwnHosts:
    """An application that answers 421 to a request for another host.

    One that names none passes: no browser sends it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the application answer."""
        strange = [each for each in _hosts(scope) if not is_own(each)]
        if not strange:
            await self._app(scope, receive, send)
            return
        text = (
            f"the request is for {strange[0]!r}, and this is {LOCALHOST}: expected "
            "that, or a loopback address, as host; a proxy before it has to say so\n"
        )
        answer = PlainTextResponse(text, HTTPStatus.MISDIRECTED_REQUEST)
        await answer(scope, receive, send)


def _hosts(scope: Scope) -> list[str]:
    if scope["type"] != "http":
        return []
    return [
        value.decode("latin-1") for name, value in scope["headers"] if name == b"host"
    ]


def is_own(host: str) -> bool:
    """Tell whether a ``Host`` header means the machine that it arrives at."""
    name, _, port = host.rpartition(":")
    if not port.isdecimal():
        name = host
    name = name.lower().rstrip(".")
    if name == LOCALHOST or name.endswith(f".{LOCALHOST}"):
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
