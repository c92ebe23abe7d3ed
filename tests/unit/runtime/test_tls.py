from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization

from meltemi.kernel.clock import SystemClock
from meltemi.runtime.http import serve_http
from meltemi.runtime.settings import Address
from meltemi.runtime.tls import TlsFiles, TlsFilesError, client_context
from meltemi.testkit.authority import REVIEWS, authority, credential, write_credential
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.identity.credential import Credential

NOW = SystemClock().now()


def fresh(trust_domain: str = "cluster.local") -> Credential:
    signer = authority(trust_domain, now=NOW)
    return credential(REVIEWS, now=NOW, signer=signer, local_server=True)


async def say_who(scope: Any, _: Any, send: Any) -> None:
    """Answer with the number of client certificates, as an ASGI application."""
    shown = scope["extensions"]["tls"]["client_cert_chain"]
    headers = [(b"content-length", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"%d" % len(shown)})


@contextlib.asynccontextmanager
async def served(files: TlsFiles) -> AsyncIterator[Address]:
    address = Address("127.0.0.1", free_port())
    stopping, started = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(
            serve_http(say_who, address, stopping=stopping, started=started, tls=files)
        )
        await started.wait()
        yield address
        stopping.set()


async def asked(
    address: Address, roots: str, client: tuple[Path, Path] | None = None
) -> tuple[bytes, bytes]:
    """Return the server's certificate and the body of its answer."""
    context = ssl.create_default_context(cadata=roots)
    if client is not None:
        context.load_cert_chain(*client)
    reader, writer = await asyncio.open_connection(
        address.host, address.port, ssl=context
    )
    writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    answer = await reader.read()
    writer.close()
    with contextlib.suppress(ssl.SSLError):
        await writer.wait_closed()
    return shown, answer.rpartition(b"\r\n\r\n")[2]


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    first, second = fresh(), fresh()
    files = TlsFiles(*write_credential(tmp_path, "server", first))
    async with served(files) as address:
        shown, _ = await asked(address, first.roots_pem)
        write_credential(tmp_path, "server", second)
        again, _ = await asked(address, first.roots_pem)
        files.key.write_text("half a ke")
        kept, _ = await asked(address, first.roots_pem)
    der = serialization.Encoding.DER
    assert shown == first.leaf.public_bytes(der)
    assert again == second.leaf.public_bytes(der)
    assert kept == again, "files that do not hold leave what was good"


async def test_a_client_may_show_a_certificate_and_a_false_one_is_turned_away(
    tmp_path: Path,
) -> None:
    mine, foreign = fresh(), fresh("elsewhere")
    roots = tmp_path / "roots.pem"
    roots.write_text(mine.roots_pem)
    files = TlsFiles(*write_credential(tmp_path, "server", mine), roots)
    good = write_credential(tmp_path, "good", fresh())
    bad = write_credential(tmp_path, "bad", foreign)
    async with served(files) as address:
        _, nobody = await asked(address, mine.roots_pem)
        _, somebody = await asked(address, mine.roots_pem, good)
        stranger = b""
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            _, stranger = await asked(address, mine.roots_pem, bad)
    assert (nobody, somebody, stranger) == (b"0", b"1", b"")


async def test_where_it_is_mutual_nobody_enters_without_a_certificate(
    tmp_path: Path,
) -> None:
    mine = fresh()
    roots = tmp_path / "roots.pem"
    roots.write_text(mine.roots_pem)
    own = write_credential(tmp_path, "server", mine)
    async with served(TlsFiles(*own, roots, mutual=True)) as address:
        _, somebody = await asked(address, mine.roots_pem, own)
        nobody = b""
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            _, nobody = await asked(address, mine.roots_pem)
    assert (somebody, nobody) == (b"1", b"")


def test_files_of_a_client_that_are_of_no_use_are_named(tmp_path: Path) -> None:
    chain, key = write_credential(tmp_path, "one", fresh())
    with pytest.raises(TlsFilesError, match=r"absent.*No such file"):
        client_context(tmp_path / "absent", chain, key)
    with pytest.raises(TlsFilesError, match=r"one\.pem"):
        client_context(chain, key, chain)


def test_files_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    chain, _ = write_credential(tmp_path, "one", fresh())
    _, key = write_credential(tmp_path, "two", fresh())
    with pytest.raises(TlsFilesError, match=r"one\.pem.*two\.key"):
        TlsFiles(chain, key).context()
    with pytest.raises(TlsFilesError, match="No such file"):
        TlsFiles(chain, tmp_path / "absent").context()


def test_an_encrypted_key_asks_nobody_at_the_terminal(tmp_path: Path) -> None:
    mine = fresh()
    chain, key = write_credential(tmp_path, "one", mine)
    locked = mine.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    key.write_bytes(locked)
    with pytest.raises(TlsFilesError, match="without a passphrase"):
        TlsFiles(chain, key).context()
