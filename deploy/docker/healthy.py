"""Ask a server of this container how it is: ``healthy.py URL``; 0 when it says well.

For health checks: Python is there, curl is not. Over https it believes the mesh's own
servers, and shows the certificate that stands beside, if there is one.
"""

from __future__ import annotations

import http.client
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

MESH = Path("/mesh")
SECONDS = 2


def connection(url: str) -> http.client.HTTPConnection:
    """Return a connection to the server of ``url``."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    context = ssl.create_default_context(cafile=MESH / "ca.pem")
    if (MESH / "tls.key").exists():
        context.load_cert_chain(MESH / "tls.pem", MESH / "tls.key")
    return http.client.HTTPSConnection(parts.netloc, timeout=SECONDS, context=context)


def trouble(url: str) -> str:
    """Return what is wrong; nothing when all is well."""
    parts = urlsplit(url)
    asked = connection(url)
    try:
        asked.request("GET", f"{parts.path}?{parts.query}")
        answer = asked.getresponse()
        words = answer.read(2000).decode(errors="replace").strip()
    except OSError as error:
        return str(error)
    return "" if answer.status == http.HTTPStatus.OK else f"{answer.status}: {words}"


if __name__ == "__main__":
    sys.exit(trouble(sys.argv[1]) or 0)
