"""What a command that checks an application's health asks it, over the network. Pure.

Known are curl, wget, whatever has a URL in its words (Python, Node), nc, bash's
``/dev/tcp`` and grpc_health_probe.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Way = Mapping[str, Mapping[str, object]]
    """One of the methods of a ReadinessProbe."""

LOCAL: Final = frozenset(("localhost", "127.0.0.1", "0.0.0.0", "[::1]", "::1", "[::]"))  # noqa: S104 - as people write it
URL: Final = re.compile(
    r"\b(https?)://(\[[0-9a-f:]+\]|[^/\s:\"'?#()]+)(?::([0-9]{1,5}))?"
    r"([/?][^\s\"'()|;&<>]*(?:&[^\s\"'()|;&<>]+)*)?(?=$|[\s\"'()|;&<>])"
)
BASH: Final = re.compile(r"/dev/tcp/([^/\s]+)/([0-9]{1,5})\b")
GRPC: Final = "grpc_health_probe"
ADDRESS: Final = re.compile(r"--?addr(?:ess)?[= ]([^\s:]*):([0-9]{1,5})\b")
NAMED: Final = re.compile(r"--?service[= ]([^\s]+)")
OTHER_REQUESTS: Final = frozenset(
    {
        *("-X", "--request", "-d", "--data", "--data-raw", "--data-binary", "--json"),
        *("-F", "--form", "-T", "--upload-file", "-u", "--user", "-E", "--cert"),
        *("--post-data", "--post-file", "--method", "--http-user", "--unix-socket"),
    }
)
"""Options of curl and wget that make another request than a GET of anybody."""
HEADER: Final = re.compile(r"(?:-H|--header)(?:=|\s+)?(.*)", re.DOTALL)
QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
MORE: Final = re.compile(r"(?<!\|)\|(?!\|)|&&|;|\$\(|`")
"""What has a shell look at more than whether the request succeeded."""
OTHER_PORT: Final = "its command runs in the application's container alone"


def asked_by(words: Sequence[str]) -> tuple[Way | None, str]:
    """Return what the test of a health check asks, and what of it is left out.

    ``words`` begin with ``CMD`` or ``CMD-SHELL``. None is asked where there is nothing
    that can be asked over the network.
    """
    if len(words) < 2:  # noqa: PLR2004 - a kind, and a command
        return None, "the image's own check is not known here"
    text = " ".join(words[1:]) if words[0] == "CMD-SHELL" else shlex.join(words[1:])
    if words[0] not in ("CMD", "CMD-SHELL"):
        return None, f"{words[0]!r} is neither CMD nor CMD-SHELL"
    more = words[0] == "CMD-SHELL" and MORE.search(QUOTED.sub("", text))
    left_out = "its command looks at more than that" if more else ""
    for way in (_http, _grpc, _tcp):
        found = way(text)
        if found is not None:
            return found, left_out
    return None, OTHER_PORT


def _http(text: str) -> Way | None:
    told = list(URL.finditer(text))
    if len(told) != 1 or "$" in told[0][0] or told[0][2] not in LOCAL:
        return None
    words = _words(text)
    if OTHER_REQUESTS & {each.partition("=")[0] for each in words}:
        return None
    match = told[0]
    usual = 80 if match[1] == "http" else 443
    path = match[4] or "/"
    get: dict[str, object] = {
        "host": "localhost" if match[2] == "localhost" else None,
        "port": int(match[3] or usual),
        "path": path if path.startswith("/") else f"/{path}",
        "scheme": "HTTPS" if match[1] == "https" else None,
        "httpHeaders": list(_headers(words)),
    }
    return {"httpGet": {key: each for key, each in get.items() if each}}


def _headers(words: Sequence[str]) -> Iterator[Mapping[str, str]]:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        match = HEADER.fullmatch(word)
        if match is None:
            continue
        name, colon, value = (match[1] or following).partition(":")
        if colon:
            yield {"name": name.strip(), "value": value.strip()}


def _grpc(text: str) -> Way | None:
    match, named = ADDRESS.search(text), NAMED.search(text)
    if GRPC not in text or match is None or match[1] not in (*LOCAL, ""):
        return None
    service = {"service": named[1]} if named else {}
    return {"grpc": {"port": int(match[2]), **service}}


def _tcp(text: str) -> Way | None:
    match = BASH.search(text)
    if match is not None:
        host, port = match[1], match[2]
    else:
        program, *rest = _words(text) or [""]
        plain = [each for each in rest if not each.startswith("-")]
        if program.rpartition("/")[2] not in ("nc", "ncat", "netcat"):
            return None
        host, port, *_ = [*plain, "", ""]
    if host not in LOCAL or not port.isdecimal():
        return None
    return {"tcpSocket": {"port": int(port)}}


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
