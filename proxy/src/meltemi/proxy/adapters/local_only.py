"""Requests that only a program of this machine may make."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse

from meltemi.runtime.own_hosts import is_own

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

PASSED_ON: Final = ("127.0.0.6", "::6")
"""Where an Envoy's connections to its application come from, as in Istio."""
OF_PROXIES: Final = ("x-forwarded-", "x-envoy-", "forwarded")


def obeying(
    order: Callable[[], Awaitable[None]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that carries out ``order`` for who is on this machine.

    A page in a browser here is not: it names where it is from, or another host
    (`meltemi.runtime.own_hosts`).
    """

    async def answer(request: Request) -> Response:
        if not is_local(request):
            text = "only from this machine, and not from a page in a browser\n"
            return PlainTextResponse(text, HTTPStatus.FORBIDDEN)
        await order()
        return PlainTextResponse("ok\n")

    return answer


def is_local(request: Request) -> bool:
    """Tell whether a program of this machine asks.

    What an Envoy passes on from elsewhere comes from here as well, but with its marks:
    Istio's source address of inbound connections, or the headers of a proxy.
    """
    client = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    own = mapped or address
    if not own.is_loopback or str(own) in PASSED_ON:
        return False
    if any(each == "origin" or each.startswith(OF_PROXIES) for each in request.headers):
        return False
    return all(map(is_own, request.headers.getlist("host")))
