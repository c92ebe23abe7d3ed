"""Small HTTP for the launcher, from the standard library: it starts fast."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 2.0
OK = 200
NO_ANSWER = 0


def ask(
    method: str,
    url: str,
    *,
    body: object = None,
    token: str = "",
    seconds: float = SECONDS,
) -> tuple[int, bytes]:
    """Return the status and body of an answer; status 0 when there is none."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    headers: Mapping[str, str] = {"authorization": f"Bearer {token}"} if token else {}
    content = None
    if body is not None:
        content = json.dumps(body)
        headers = {**headers, "content-type": "application/json"}
    try:
        query = f"?{parts.query}" if parts.query else ""
        connection.request(method, (parts.path or "/") + query, content, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        return NO_ANSWER, str(error).encode()
    finally:
        connection.close()


def fetch(url: str, *, seconds: float = SECONDS) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON at ``url``; None when there is none."""
    status, body = ask("GET", url, seconds=seconds)
    try:
        return json.loads(body) if status == OK else None
    except ValueError:
        return None


def lacks(probe: str) -> str:
    """Return what a part that ``probe`` names lacks, in its own words; or nothing."""
    if urlsplit(probe).scheme != "http":
        return ""
    status, body = ask("GET", probe)
    if status in (OK, NO_ANSWER):
        return "nobody answers there" if status == NO_ANSWER else ""
    lines = body.decode(errors="replace").splitlines()
    return "; ".join(each[len("[-]") :] for each in lines if each.startswith("[-]"))


def is_ready(probe: str, *, seconds: float = 1.0) -> bool:
    """Tell whether what ``probe`` names is ready: HTTP 200, or TCP that accepts."""
    parts = urlsplit(probe)
    if parts.scheme == "http":
        return ask("GET", probe, seconds=seconds)[0] == OK
    with socket.socket() as tcp:
        tcp.settimeout(seconds)
        return tcp.connect_ex((parts.hostname, parts.port)) == 0
