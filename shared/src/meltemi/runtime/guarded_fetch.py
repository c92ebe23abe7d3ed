"""Fetching a document from where somebody else said it is.

For key sets, OIDC discovery and trust bundles: the URL is a user's, and so is what
stands behind it (security §3.2, T19)::

    URL ─▶ https? ─▶ resolve ─▶ may each address be reached? ─▶ dial that address
     ▲                                                              │
     └──────────── redirect: all of it again ◀──────────────────────┤
                                                     200, ≤ 1 MiB, no HTML ─▶ body

The address is judged after the name was resolved, and what was judged is what is
dialled: a name that answers differently the second time (rebinding) gains nothing.
No proxy of the environment is used, nothing is unpacked, and one deadline spans it
all, so that a server which sends a byte a second is cut.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.dial_rule import refusal
from meltemi.runtime.http_reply import BadReplyError, Reply
from meltemi.runtime.marked_socket import connected
from meltemi.runtime.settings import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meltemi.runtime.dial_rule import Network

LONGEST_URL: Final = 2048
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
OK: Final = 200
ACCEPT_JSON: Final = {"accept": "application/json, */*;q=0.5"}
DIAL_SECONDS: Final = 2.0
"""For one of several addresses, so that a dead one leaves time for the next."""
PIECE_BYTES: Final = 64 * 1024
MARKUP: Final = ("text/html", "application/xhtml+xml", "text/xml", "application/xml")
"""What login pages and proxies in between answer instead."""


class FetchRefusedError(MeshError):
    """The URL, or where it leads, is nowhere we go: trying again does not help."""

    code = "fetch.refused"
    blame = Blame.CALLER


class FetchFailedError(MeshError):
    """The server could not be reached, or did not answer as it must."""

    code = "fetch.failed"
    blame = Blame.PEER


@dataclass(frozen=True, slots=True)
class Guard:
    """How far a fetch may go.

    Attributes:
        allowed: Networks reached though they are not public (`dial_rule.refusal`).
        roots: PEM of authorities believed beside the system's.
        plain: Whether ``http://`` may be fetched. A redirect never leads there from
            ``https://``.
        seconds: For all of it, from the resolver to the last byte.
        body_bytes: The most that is taken.
        redirects: The most that are followed.
        mark: Of the connections (`marked_socket`); None: they have none.

    """

    allowed: tuple[Network, ...] = ()
    roots: str = ""
    plain: bool = False
    seconds: float = 5.0
    body_bytes: int = 1024 * 1024
    redirects: int = 3
    mark: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL says about where to connect and what to ask for."""

    secure: bool
    host: str
    port: int
    authority: str
    target: str


async def fetch(url: str, guard: Guard) -> bytes:
    """Return the document at ``url``. What it holds is the caller's to judge.

    Raises:
        FetchRefusedError: If the URL or a redirect leads where ``guard`` does not let.
        FetchFailedError: If the server is not there, is not who it should be, is too
            slow, says too much, or anything but 200 and a document.

    """
    try:
        async with asyncio.timeout(guard.seconds):
            return await _follow(url, guard)
    except TimeoutError as error:
        why = f"{url} did not answer in full within {guard.seconds:g} s"
        raise FetchFailedError(why) from error


def place(url: str, *, plain: bool) -> Place:
    """Return where ``url`` leads.

    Raises:
        FetchRefusedError: If it is no URL we fetch: another scheme, a user name, a
            character that does not belong, too long.

    """
    clean = len(url) <= LONGEST_URL and all("!" <= each <= "~" for each in url)
    if not clean:
        raise FetchRefusedError(f"{url[:80]!r} is not a URL of printable ASCII")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise FetchRefusedError(f"{url!r} is not a URL: {error}") from error
    secure = parts.scheme == "https"
    if not (secure or (plain and parts.scheme == "http")):
        raise FetchRefusedError(f"{url!r}: only https:// is fetched")
    if not host or port == 0 or "@" in parts.netloc:
        raise FetchRefusedError(f"{url!r}: write https://HOST[:PORT]/PATH, no user")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(secure, host, port or (443 if secure else 80), parts.netloc, target)


async def _follow(url: str, guard: Guard) -> bytes:
    plain = guard.plain
    for _ in range(guard.redirects + 1):
        where = place(url, plain=plain)
        plain = plain and not where.secure
        reply = await exchange(url, where, guard, ACCEPT_JSON)
        if reply.status not in REDIRECTS:
            return _document(url, reply)
        url = leads_to(url, reply.headers.get("location", ""))
    raise FetchFailedError(f"{url}: more than {guard.redirects} redirects")


def leads_to(url: str, location: str) -> str:
    """Return where a redirect from ``url`` leads; raise `FetchRefusedError`."""
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise FetchRefusedError(f"{url} leads to no URL: {location!r}") from error


def _document(url: str, reply: Reply) -> bytes:
    if reply.status != OK:
        raise FetchFailedError(f"{url} answered with status {reply.status}, not 200")
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in MARKUP:
        raise FetchFailedError(f"{url} answered with {kind}: that is a page")
    coding = reply.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise FetchFailedError(f"{url} answered packed ({coding}), which was not asked")
    return reply.body


async def exchange(
    url: str,
    where: Place,
    guard: Guard,
    headers: Mapping[str, str],
    into: Callable[[bytes], object] | None = None,
) -> Reply:
    """Return what the server at ``where`` answers, whatever its status.

    No redirect is followed, and nothing ends it but the body's limit: the deadline is
    the caller's.

    Args:
        url: What to call it in errors.
        where: What to ask for.
        guard: How far it may go.
        headers: To send beside the usual ones, of printable ASCII.
        into: Takes the body of a 200, piece by piece, which then is not kept.

    Raises:
        FetchRefusedError: If ``guard`` does not let it there.
        FetchFailedError: If the server is not there, or says too much or no HTTP.

    """
    reader, writer = await _dial(url, where, guard)
    reply = Reply(body_limit=guard.body_bytes)
    try:
        writer.write(_request(where, headers))
        while not reply.is_complete:
            data = await reader.read(PIECE_BYTES)
            if data:
                reply.feed(data)
            else:
                reply.end()
            if into and reply.status == OK:
                into(reply.drained())
    except (OSError, BadReplyError) as error:
        raise FetchFailedError(f"{url}: {error}") from error
    finally:
        writer.transport.abort()  # nobody waits for the other side's goodbye
    return reply


def _request(where: Place, headers: Mapping[str, str]) -> bytes:
    lines = (
        f"GET {where.target} HTTP/1.1",
        f"host: {where.authority}",
        *(f"{name}: {value}" for name, value in headers.items()),
        "accept-encoding: identity",
        "user-agent: meltemi",
        "connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


async def _dial(
    url: str, where: Place, guard: Guard
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address that may be reached and can be."""
    addresses = await _addresses(url, where, guard)
    context = await asyncio.to_thread(_context, guard.roots) if where.secure else None
    name = where.host if where.secure else None
    last: OSError | TimeoutError | None = None
    for address in addresses:
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                made = await connected(Address(address, where.port), mark=guard.mark)
                return await asyncio.open_connection(
                    sock=made, ssl=context, server_hostname=name
                )
        except (OSError, TimeoutError) as error:
            last = error
    why = str(last) or "no answer"
    raise FetchFailedError(f"{url} cannot be reached: {why}") from last


async def _addresses(url: str, where: Place, guard: Guard) -> tuple[str, ...]:
    """Return the numeric addresses of a host that may be dialled."""
    loop = asyncio.get_running_loop()
    try:
        answers = await loop.getaddrinfo(where.host, where.port, type=1)
    except (OSError, UnicodeError) as error:
        raise FetchFailedError(f"{url}: {where.host} has no address") from error
    found = dict.fromkeys(str(answer[4][0]) for answer in answers)
    reasons = {address: refusal(address, guard.allowed) for address in found}
    good = tuple(address for address, reason in reasons.items() if not reason)
    if not good:
        raise FetchRefusedError(f"{url}: {'; '.join(reasons.values())}")
    return good


def _context(roots: str) -> ssl.SSLContext:
    """Return a client's context: the system's authorities, and ``roots``.

    Reading those takes tens of milliseconds: not for the event loop.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if roots:
        try:
            context.load_verify_locations(cadata=roots)
        except ssl.SSLError as error:
            raise FetchRefusedError(f"the added roots are no PEM: {error}") from error
    return context
