"""A call to a workload's inbound port with a certificate of the test's choice."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.identity.credential import Credential
    from meltemi.runtime.settings import Address

ALPN = ["istio-http/1.1", "istio"]
REQUEST = b"GET / HTTP/1.1\r\nhost: reviews\r\nconnection: close\r\n\r\n"


async def status_of(
    inbound: Address, shown: Credential, folder: Path, *, sni: str
) -> int:
    """Return the status of a request; 0 where the handshake does not let us in."""
    pair = folder / "shown.pem"
    pair.write_text(shown.key_pem + shown.chain_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # who serves is not what is tested
    context.load_cert_chain(pair)
    context.set_alpn_protocols(ALPN)
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(
                inbound.host, inbound.port, ssl=context, server_hostname=sni
            )
            writer.write(REQUEST)
            line = await reader.readline()
            writer.close()
    except (ssl.SSLError, ConnectionError):
        return 0
    return int(line.split()[1]) if line else 0
