from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from meltemi.runtime.dial_rule import networks
from meltemi.runtime.guarded_fetch import (
    FetchFailedError,
    FetchRefusedError,
    Guard,
    fetch,
    place,
)
from meltemi.testkit.https_site import Site, answer, https_site, redirect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOOPBACK = networks(("127.0.0.0/8",))
JSON = b'{"keys":[]}'


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    async with https_site() as made:
        made.pages["/keys"] = answer(JSON)
        yield made


def trusting(site: Site, **more: Any) -> Guard:
    return Guard(LOOPBACK, site.roots, **more)


async def test_a_document_of_an_allowed_server_is_fetched(site: Site) -> None:
    assert await fetch(site.url("/keys"), trusting(site)) == JSON


async def test_t19_loopback_is_refused_before_anything_is_sent(site: Site) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
        with pytest.raises(FetchRefusedError, match="not public"):
            await fetch(site.url("/keys", host), Guard(roots=site.roots))
    assert site.asked == []


async def test_t19_metadata_is_refused_whatever_is_allowed() -> None:
    guard = Guard(networks(("0.0.0.0/0", "::/0")), plain=True)
    for url in (
        "http://169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]/latest",
        "http://2852039166/latest",
    ):
        with pytest.raises(FetchRefusedError, match="metadata"):
            await fetch(url, guard)


async def test_t19_a_name_is_judged_by_the_address_that_is_dialled(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    answers = [["169.254.169.254"], ["127.0.0.1"]]

    async def rebinding(*_: Any, **__: Any) -> list[Any]:
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(2, 1, 6, "", (address, site.port)) for address in found]

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    with pytest.raises(FetchRefusedError, match="metadata"):
        await fetch(site.url("/keys", "keys.example"), trusting(site))
    answers[:] = [["127.0.0.1"], ["169.254.169.254"]]
    with pytest.raises(FetchFailedError, match=r"keys\.example"):
        await fetch(site.url("/keys", "keys.example"), trusting(site))
    assert answers == [["169.254.169.254"]], "the name was resolved once"


@pytest.mark.parametrize(
    "to",
    [
        "https://169.254.169.254/latest",
        "http://127.0.0.1/plain",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "https://10.0.0.1/inside",
        "https://[::1/",
    ],
)
async def test_t19_a_redirect_is_judged_as_the_first_url_was(
    site: Site, to: str
) -> None:
    site.pages["/away"] = redirect(to)
    with pytest.raises(FetchRefusedError):
        await fetch(site.url("/away"), trusting(site, plain=True))


async def test_redirects_are_followed_and_counted(site: Site) -> None:
    site.pages |= {"/a": redirect("/b"), "/b": redirect("keys")}
    site.pages["/loop"] = redirect("/loop")
    assert await fetch(site.url("/a"), trusting(site)) == JSON
    with pytest.raises(FetchFailedError, match="more than 3 redirects"):
        await fetch(site.url("/loop"), trusting(site))
    assert site.asked.count("/loop") == 4


async def test_a_server_that_nobody_vouches_for_is_not_believed(site: Site) -> None:
    with pytest.raises(FetchFailedError, match="certificate verify failed"):
        await fetch(site.url("/keys"), Guard(LOOPBACK))
    with pytest.raises(FetchRefusedError, match="no PEM"):
        await fetch(site.url("/keys"), Guard(LOOPBACK, roots="rubbish"))


async def test_a_gigabyte_is_not_taken(site: Site) -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    site.pages["/big"] = head + b"a" * (1024 * 1024 + 1)
    site.pages["/said"] = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n"
    for path in ("/big", "/said"):
        with pytest.raises(FetchFailedError, match="more than 1048576 bytes"):
            await fetch(site.url(path), trusting(site))


async def test_a_slow_drip_is_cut_at_the_deadline(site: Site) -> None:
    site.dribble = 0.05
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(FetchFailedError, match=r"within 0\.3 s"):
        await fetch(site.url("/keys"), trusting(site, seconds=0.3))
    assert loop.time() - start < 2


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (answer("<html>log in</html>", "text/html; charset=utf-8"), "text/html"),
        (answer("no", status=500), "status 500"),
        (answer("", status=204), "status 204"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\nxx", "packed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nxx", "before the answer did"),
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP"),
    ],
)
async def test_what_is_no_document_is_said_what(
    site: Site, page: bytes, why: str
) -> None:
    site.pages["/odd"] = page
    with pytest.raises(FetchFailedError, match=why):
        await fetch(site.url("/odd"), trusting(site))


async def test_nobody_there_and_no_such_name_are_the_peer_s_failure(site: Site) -> None:
    guard = trusting(site)
    with pytest.raises(FetchFailedError, match="cannot be reached"):
        await fetch("https://127.0.0.1:1/", guard)
    with pytest.raises(FetchFailedError, match="no address"):
        await fetch("https://nowhere.invalid/", guard)


async def test_no_proxy_of_the_environment_is_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await fetch(site.url("/keys"), trusting(site)) == JSON


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/keys",
        "file:///etc/passwd",
        "gopher://a.example/",
        "https://",
        "https://me:secret@a.example/",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://a.example/\r\nx: y",
        "https://a.example/ b",
        "https://a.example/ä",
        "https://a.example/" + "a" * 2048,
        "https://[::1/",
    ],
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(FetchRefusedError):
        place(url, plain=False)


def test_a_url_says_where_to_connect_and_what_to_ask() -> None:
    made = place("https://a.example:8443/k/s?x=1#part", plain=False)
    assert (made.host, made.port, made.target) == ("a.example", 8443, "/k/s?x=1")
    assert place("http://a.example", plain=True).port == 80
